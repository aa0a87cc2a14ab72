// Writing to etcd: one transaction a write, and never a guess about what became of it.

import PatroniCore

/// What a write asks of etcd.
enum EtcdWrite: Sendable {
    case plain(String, JSONObject)
    /// A condition, what to do if it holds, and the key to show when it does not.
    case transaction(JSONObject, [JSONObject], String)
}

extension Etcd3Backend {
    func compare(_ condition: WriteCondition, _ key: String) -> JSONObject? {
        let full = path.full(key)
        return switch condition {
        case .always: nil
        case .absent: EtcdRequest.isAbsent(full)
        case .version(let version): EtcdRequest.hasVersion(full, version)
        case .value(let value): EtcdRequest.hasValue(full, value)
        }
    }

    /// Sends a write. When its condition did not hold although an earlier attempt may have landed, or whenever a
    /// refusal may be no refusal, `found` says what the key as it is now means; `isWorthALook` when also the first
    /// answer may have such a meaning (a key that is gone already).
    func writing(
        _ deadline: Moment, _ make: (_ lease: String?) -> EtcdWrite, underSession: () -> Bool = { false },
        found judge: (EtcdKey?, _ lease: String?) -> WriteOutcome = { _, _ in .conflict }
    ) async -> WriteOutcome {
        var hasRenewedLease = false
        while true {
            do throws(StoreFailure) {
                let lease = underSession() ? try await session(by: deadline) : nil
                let outcome = try await send(make(lease), by: deadline)
                switch outcome {
                case .done(let revision):
                    return .written(KeyVersion(revision))
                case .conditionFailed(let key, let wasRepeated):
                    // Nobody but us writes under our lease.
                    if key == nil || wasRepeated || lease != nil { return judge(key, lease) }
                    return .conflict
                case .leaseLost:
                    self.lease = EtcdLease()
                    if hasRenewedLease { throw StoreFailure(.unavailable, "etcd3: the new lease is lost already") }
                    hasRenewedLease = true
                }
            } catch {
                return .unknown(error)
            }
        }
    }

    enum Sent: Sendable {
        case done(revision: Int64)
        case conditionFailed(EtcdKey?, wasRepeated: Bool)
        case leaseLost
    }

    func send(_ write: EtcdWrite, by deadline: Moment) async throws(StoreFailure) -> Sent {
        do throws(EtcdProblem) {
            let answer: EtcdAnswer
            switch write {
            case .plain(let call, let body):
                answer = try await self.call(call, body, by: deadline)
                let revision = EtcdHeader(answer.json["header"])?.revision ?? 0
                // Deleting nothing makes no event to wait for.
                if call == "kv/put" || answer.json["deleted"]?.number64 ?? 0 > 0 { view.expect(revision) }
                return .done(revision: revision)
            case .transaction(let compare, let operations, let key):
                answer = try await self.call(
                    "kv/txn",
                    EtcdRequest.transaction(
                        if: compare, then: operations.map(Self.operation), otherwise: look(at: key)), by: deadline)
            }
            let result = EtcdTransaction(answer.json)
            if result.succeeded {
                view.expect(result.revision)
                return .done(revision: result.revision)
            }
            // Somebody was faster than our view: what it shows is old (DCS-103).
            view.doubt()
            return .conditionFailed(result.found, wasRepeated: answer.wasRepeated)
        } catch {
            if case .refused(let refusal) = error, refusal.isLeaseLost { return .leaseLost }
            throw error.failure
        }
    }

    private static func operation(_ body: JSONObject) -> JSONObject {
        body["value"] == nil ? ["request_delete_range": .object(body)] : ["request_put": .object(body)]
    }

    private func look(at key: String) -> JSONObject {
        ["request_range": .object(EtcdRequest.key(path.full(key)))]
    }

    /// All calls go through here, so that the stream follows when another server had to be used.
    func call(_ path: String, _ body: JSONObject, by deadline: Moment) async throws(EtcdProblem) -> EtcdAnswer {
        let answer = try await gateway.call(path, body, by: deadline)
        if watch != nil, await gateway.generation != watchGeneration { restartWatch() }
        return answer
    }
}
