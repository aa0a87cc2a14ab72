// The leader's side of an operator's request to move the leadership.

enum SwitchingOver {
    static let table = RuleTable(
        "switching-over",
        "We hold the key, PostgreSQL runs or starts, and an operator asked for another leader (HA-114, HA-122).",
        when: { now in
            now.holdsLeaderKey && now.facts.renewal == .held && (now.running != nil || now.server == .starting)
                && now.request != nil && !now.did(.clearFailoverRequest)
        },
        [
            Rule("scheduled", "Its time has not come (HA-107).") { now in
                guard let request = now.request, let time = request.scheduledAt, !now.isPaused,
                    time > now.observation.wallTime
                else { return nil }
                let left = time - now.observation.wallTime
                return left < now.settings.loopWait ? .settled(.awaitingSchedule(time), again: left) : nil
            },
            Rule(
                "stale",
                "Its time passed while nobody could act; moving the leader now would surprise everybody (HA-107)."
            ) { now in
                guard let request = now.request, let time = request.scheduledAt, !now.isPaused,
                    now.observation.wallTime - time > now.settings.loopWait * 3 / 2
                else { return nil }
                return .act(.clearFailoverRequest, because: .requestStale(request))
            },
            Rule("other-leader", "It names another leader: the world has changed since (HA-108).") { now in
                guard let request = due(now), let leader = request.leader, leader != now.me else { return nil }
                return .act(.clearFailoverRequest, because: .requestNotForUs(request))
            },
            Rule("to-ourselves", "There is nothing to do (HA-109).") { now in
                guard let request = due(now), request.candidate == now.me else { return nil }
                return .act(.clearFailoverRequest, because: .requestToOurselves(request))
            },
            Rule("paused-without-candidate", "In maintenance mode nobody races, so somebody must be named (HA-110).") {
                now in
                guard let request = due(now), now.isPaused, request.candidate == nil else { return nil }
                return .act(.clearFailoverRequest, because: .requestNeedsCandidate(request))
            },
            Rule("ask-the-others", "Who is able to take over (HA-111)?") { now in
                due(now) != nil && now.facts.peers == nil && !candidates(now).isEmpty ? .ask(.statusOfPeers) : nil
            },
            Rule("hand-over", "Somebody can take over: stop, and let the key go once it has everything (HA-113).") {
                now in
                guard let request = due(now), obstacles(now).contains(where: { $0.value == nil }) else { return nil }
                return .act(.begin(.demote(.graceful(request))), because: .demotingOnRequest(request))
            },
            Rule("nobody-can", "A leader without a successor stays (HA-112).") { now in
                guard let request = due(now) else { return nil }
                return .act(
                    .clearFailoverRequest, because: .noHealthyCandidate(request, obstacles(now).compactMapValues { $0 })
                )
            },
        ])

    /// The request, when it is time for it. In maintenance mode only a primary hands over.
    private static func due(_ now: Situation) -> FailoverRequest? {
        guard let request = now.request, !now.isPaused || now.isPrimary else { return nil }
        guard let time = request.scheduledAt else { return request }
        return now.isPaused || time > now.observation.wallTime ? nil : request
    }

    private static func candidates(_ now: Situation) -> [Member] {
        guard let request = now.request else { return [] }
        return now.others.filter { member in
            guard now.cluster?.member(member.name) != nil else { return false }
            if let wanted = request.candidate, member.name != wanted { return false }
            guard request.isSwitchover, now.settings.isSynchronous, let sync = now.cluster?.sync, !sync.isEmpty else {
                return true
            }
            return sync.hasStandby(member.name)
        }
    }

    /// Every candidate with what stands against it; nil for one that can take over.
    private static func obstacles(_ now: Situation) -> [MemberName: Obstacle?] {
        let names = Set(candidates(now).map(\.name))
        var found: [MemberName: Obstacle?] = [:]
        for peer in now.facts.peers ?? [] where names.contains(peer.name) {
            found.updateValue(now.obstacle(for: peer) ?? tooFewVoters(now), forKey: peer.name)
        }
        return found
    }

    /// With quorum commit the new leader must be elected: are enough voters there, the candidate among them?
    private static func tooFewVoters(_ now: Situation) -> Obstacle? {
        guard now.request?.isSwitchover == true, RaceComparison.countsVotes(now), let sync = now.cluster?.sync else {
            return nil
        }
        let voters = (now.facts.peers ?? []).count { sync.hasStandby($0.name) && $0.answer?.position != nil }
        return voters > sync.quorum ? nil : .tooFewVotes(voters, needed: sync.quorum + 1)
    }
}
