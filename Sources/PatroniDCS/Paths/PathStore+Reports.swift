// The keys that are written all the time: not written when nothing changed (DCS-035, DCS-042, DCS-052).

import PatroniCore

extension PathStore {
    func publishMember(_ value: JSONObject, by deadline: Moment) async -> WriteOutcome {
        let key = ClusterKey.member(member)
        do throws(StoreFailure) {
            let session = try await backend.session(by: deadline)
            if let stored = known[key], stored.session == session, (try? JSON.parse(stored.value)) == .object(value) {
                return .written(stored.version)
            }
            let text = value.text()
            let outcome = await backend.put(key, text, underSession: true, if: .always, by: deadline)
            fold(key, text, outcome, session: session)
            return outcome
        } catch {
            return .unknown(error)
        }
    }

    func removeMember(by deadline: Moment) async -> WriteOutcome {
        await delete(ClusterKey.member(member), deadline)
    }

    func writeStatus(_ status: ClusterStatus, by deadline: Moment) async -> WriteOutcome {
        let merged = mergedStatus(status)
        if let stored = known[ClusterKey.status], ClusterStatus(stored: stored.value) == merged {
            return .written(stored.version)
        }
        if needsLegacyOptime, let position = merged.position {
            let legacy = await put(ClusterKey.leaderOptime, String(position.number), if: .always, deadline)
            if !legacy.isWritten { return legacy }
        }
        return await put(ClusterKey.status, merged.json.text(), if: .always, deadline)
    }

    func writeHistory(_ history: TimelineHistory, by deadline: Moment) async -> WriteOutcome {
        await put(ClusterKey.history, history.json.text(), if: .always, deadline)
    }

    func writeFailsafe(_ members: [MemberName: String], by deadline: Moment) async -> WriteOutcome {
        let value = JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key.text, .string($0.value)) })
        if let stored = known[ClusterKey.failsafe], (try? JSON.parse(stored.value)) == .object(value) {
            return .written(stored.version)
        }
        return await put(ClusterKey.failsafe, value.text(), if: .always, deadline)
    }

    /// Parts that are not given keep what stands in the store (DCS-033).
    func mergedStatus(_ status: ClusterStatus) -> ClusterStatus {
        let last = (known[ClusterKey.status] ?? known[ClusterKey.leaderOptime]).map { ClusterStatus(stored: $0.value) }
        return ClusterStatus(
            position: status.position ?? last?.position, slots: status.slots ?? last?.slots,
            retainedSlots: status.retainedSlots ?? last?.retainedSlots)
    }

    /// Members older than 2.1.0 read `optime/leader` only (DCS-006).
    var needsLegacyOptime: Bool {
        known.contains { key, stored in
            guard key.hasPrefix(ClusterKey.members), let version = Member(name: "", stored: stored.value).version else {
                return false
            }
            let numbers = version.split(separator: ".").prefix(3).map { part in
                Int(part.prefix { $0.isNumber }) ?? 0
            }
            return !numbers.isEmpty && numbers.lexicographicallyPrecedes([2, 1, 0])
        }
    }
}
