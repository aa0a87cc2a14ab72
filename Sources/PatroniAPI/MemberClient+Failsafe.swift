// The primary's question to all members in failsafe mode (`POST /failsafe`).

import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

extension MemberClient {
    /// Asks everybody in `circle` at once. Who gives no answer is asked again as long as there is time; an answer, of
    /// whatever kind, is final for this round (HA-213, HA-214). In the order of names.
    public func failsafe(
        _ notice: FailsafeNotice, to circle: [MemberName: String], by deadline: Moment
    ) async -> [FailsafeReply] {
        await withTaskGroup(of: FailsafeReply.self) { group in
            for (name, address) in circle {
                group.addTask {
                    FailsafeReply(name: name, answer: await self.agreement(of: name, address, notice, by: deadline))
                }
            }
            var replies: [FailsafeReply] = []
            for await reply in group { replies.append(reply) }
            return replies.sorted { $0.name < $1.name }
        }
    }

    private func agreement(
        of name: MemberName, _ address: String, _ notice: FailsafeNotice, by deadline: Moment
    ) async -> FailsafeReply.Answer {
        var member = Member(name: name)
        member.apiURL = address
        var why = "no time left to ask"
        while time.now < deadline, !Task.isCancelled {
            // A request that got lost must not use up all the time: half of it, as long as that is worth it.
            let attempt = min(deadline, time.now + max((deadline - time.now) / 2, .seconds(1)))
            do throws(HTTPFailure) {
                return FailsafeReply.Answer(
                    try await send(.post, to: member, "failsafe", body: notice.json, by: attempt))
            } catch { why = "\(error)" }
            await time.sleep(until: min(deadline, time.now + .milliseconds(200)))
        }
        return .silent(why)
    }
}

extension FailsafeReply.Answer {
    /// Only `Accepted` is agreement (HA-213); `lsn` says how far the member is, `ttl` how long it promises (API-180).
    init(_ answer: HTTPAnswer) {
        guard answer.status == 200, answer.text == "Accepted" else {
            let text = answer.text.prefix(100).split(separator: "\n").first ?? ""
            self = .refused(answer.status == 500 ? "\(text)" : "status \(answer.status) \(text)")
            return
        }
        let position = answer.header("lsn").flatMap { Int64($0) }.flatMap(LSN.init(number:))
        self = .accepted(position, for: answer.header("ttl").flatMap { Int64($0) }.map { .seconds($0) })
    }
}
