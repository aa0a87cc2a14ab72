// Failsafe mode in the model: the map in the store, the question, and the promises.

@testable import PatroniCore

extension ModelCluster {
    mutating func useFailsafe() {
        for index in members.indices { members[index].settings.isFailsafeModeEnabled = true }
    }

    /// Nobody can reach the store.
    mutating func loseStore() { for member in members { cutOff(member.name) } }

    mutating func readStore(_ index: Int) {
        if !store.isUnlocked { members[index].lastClusterWithLeader = store }
        members[index].failsafeMap.read(store.failsafe)
        members[index].failsafe.lastLeader = store.leader.map { .init(name: $0.name, at: now) }
    }

    func observation(_ index: Int) -> Observation {
        let member = members[index]
        var failsafe = member.failsafe
        failsafe.circle = member.failsafeMap.circle(of: member.name)
        return Observation(
            now: now, wallTime: .noon + (now - .start), me: member.name, tags: member.tags, settings: member.settings,
            store: member.canReachStore ? .cluster(store) : .silent(.noAnswer),
            lastClusterWithLeader: member.lastClusterWithLeader, directory: member.directory,
            server: member.status, job: member.job, lease: member.lease, failsafe: failsafe)
    }

    mutating func publishFailsafeMap(_ index: Int) {
        let member = members[index]
        guard member.settings.isFailsafeModeEnabled, store.leader?.name == member.name, member.lease.isValid(at: now)
        else { return }
        let map = members[index].failsafeMap.next(
            store.members, me: member.name, apiURL: "http://\(member.name):8008/patroni", at: now,
            ttl: member.settings.ttl)
        store.failsafe = map
        members[index].failsafeMap.wrote(map, .written(nil))
    }

    /// Answers get lost now and then, so a member may have promised what nobody has heard.
    mutating func askFailsafe(_ circle: [MemberName: String], _ index: Int) -> Learned {
        let asker = members[index]
        var replies: [FailsafeReply] = []
        for name in circle.keys.sorted() {
            var reply = FailsafeReply.silent(name)
            if asker.canBeReached, self[name].answersRequests(at: now) {
                reply = takeFailsafe(name, from: asker.name)
                if random.chance(10) { reply = .silent(name) }
            }
            replies.append(reply)
        }
        let answers = FailsafeAnswers(replies)
        let lease = answers.prolonged(asker.lease, askedAt: now, answeredAt: now, asker.settings)
        members[index].lease = lease
        return .failsafe(answers, lease)
    }

    private mutating func takeFailsafe(_ name: MemberName, from asker: MemberName) -> FailsafeReply {
        guard let index = members.firstIndex(where: { $0.name == name }), members[index].settings.isFailsafeModeEnabled
        else { return .refused(name) }
        let situation = Situation(observation(index), members[index].memory)
        if situation.failsafeRefusal(to: asker, isTakingTheKey: false) != nil { return .refused(name) }
        members[index].failsafe.promise = FailsafePromise(
            leader: asker, connectionURL: "postgres://\(asker):5432/postgres",
            apiURL: "http://\(asker):8008/patroni", until: now + members[index].settings.ttl)
        return .accepted(name)
    }
}
