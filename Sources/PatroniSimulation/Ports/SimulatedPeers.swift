// The other members, asked over the model network.

import PatroniCore
import PatroniLoop
import PatroniPorts

struct SimulatedPeers: Peers {
    let world: World
    let life: Int

    private var own: Life { world.lives[life] }

    func status(of asked: [Member], by deadline: Moment) async -> [PeerStatus] {
        let own = own
        let silent = asked.map { PeerStatus(name: $0.name, answer: nil) }
        if asked.isEmpty { return silent }
        let end = world.members[own.member].clock.global(deadline)
        return await world.wait(own, otherwise: silent) { number in
            let poll = Poll(silent)
            world.at(end) { world.answer(own, number, poll.found) }
            for (place, member) in asked.enumerated() {
                world.ask(own.member, member.name) { answer in
                    poll.found[place].answer = answer
                    poll.missing -= 1
                    if poll.missing == 0 { world.answer(own, number, poll.found) }
                }
            }
        }
    }

    /// Asks everybody again and again until there is an answer.
    func failsafe(
        _ notice: FailsafeNotice, to circle: [MemberName: String], by deadline: Moment
    ) async -> [FailsafeReply] {
        let own = own
        let names = circle.keys.sorted()
        let silent = names.map { FailsafeReply(name: $0, answer: .silent("no answer in time")) }
        if names.isEmpty { return [] }
        let end = world.members[own.member].clock.global(deadline)
        return await world.wait(own, otherwise: silent) { number in
            let round = Round(silent)
            world.at(end) { world.answer(own, number, round.replies) }
            for (place, name) in names.enumerated() {
                world.askFailsafe(own.member, name, notice, until: end) { answer in
                    guard round.open.remove(place) != nil else { return false }
                    round.replies[place].answer = answer
                    if round.open.isEmpty { world.answer(own, number, round.replies) }
                    return true
                }
            }
        }
    }

    private final class Round {
        var replies: [FailsafeReply]
        var open: Set<Int>

        init(_ silent: [FailsafeReply]) {
            replies = silent
            open = Set(silent.indices)
        }
    }

    func isAlive(_ member: Member, by deadline: Moment) async -> Bool { false }

    /// Answers as they come in.
    private final class Poll {
        var found: [PeerStatus]
        var missing: Int

        init(_ silent: [PeerStatus]) {
            found = silent
            missing = silent.count
        }
    }
}

extension World {
    /// `GET /patroni` of another member; nothing comes back when anything on the way is broken.
    func ask(_ from: Int, _ name: MemberName, _ reply: @escaping (PeerAnswer?) -> Void) {
        guard let to = members.firstIndex(where: { $0.name == name }) else { return }
        send(from: from, to: to) { [self] in
            guard let life = members[to].life, !life.isDead, !life.isFrozen, let agent = life.agent else { return }
            let question = newQuestion(reply)
            Task { @Sendable [number = life.number] in
                let snapshot = await agent.freshSnapshot()
                answerPeer(number, to, from, snapshot, question)
            }
        }
    }

    private func newQuestion(_ reply: @escaping (PeerAnswer?) -> Void) -> Int {
        lastQuestion += 1
        questions[lastQuestion] = reply
        return lastQuestion
    }

    private func answerPeer(
        _ life: Int, _ to: Int, _ from: Int, _ snapshot: StatusSnapshot, _ question: Int
    ) {
        guard let reply = questions.removeValue(forKey: question), !lives[life].isDead else { return }
        let page = JSON.object(StatusPage.json(snapshot, now: members[to].clock.local(now)))
        // Without positions a member counts as silent, as for MemberClient.
        let answer = page["xlog"]?.object == nil ? nil : PeerAnswer(statusPage: page)
        send(from: to, to: from) { reply(answer) }
    }

    /// `POST /failsafe` of another member, tried again every second while nothing comes back.
    func askFailsafe(
        _ from: Int, _ name: MemberName, _ notice: FailsafeNotice, until end: Moment,
        _ reply: @escaping (FailsafeReply.Answer) -> Bool
    ) {
        guard let to = members.firstIndex(where: { $0.name == name }), now < end else { return }
        let attempt = Attempt()
        after(.seconds(1)) {
            if !attempt.isAnswered { self.askFailsafe(from, name, notice, until: end, reply) }
        }
        send(from: from, to: to) { [self] in
            guard let life = members[to].life, !life.isDead, !life.isFrozen, let agent = life.agent else { return }
            lastQuestion += 1
            let question = lastQuestion
            promises[question] = { answer in
                attempt.isAnswered = true
                _ = reply(answer)
            }
            Task { @Sendable [number = life.number] in
                let answer = await agent.takeFailsafe(notice)
                promise(number, to, from, answer, question)
            }
        }
    }

    private func promise(_ life: Int, _ to: Int, _ from: Int, _ answer: FailsafeAnswer, _ question: Int) {
        guard let reply = promises.removeValue(forKey: question), !lives[life].isDead else { return }
        let said: FailsafeReply.Answer =
            switch answer {
            case .accepted(let position, let time): .accepted(position, for: time)
            case .refused(let refusal): .refused("\(refusal)")
            }
        trace.note(now, .member(to), "failsafe")
        trace.say(now, .member(to), "tells \(members[from].name) about failsafe mode: \(said)")
        send(from: to, to: from) { reply(said) }
    }

    private final class Attempt {
        var isAnswered = false
    }

    /// A message between members; does nothing when it is lost.
    func send(from: Int, to: Int, _ arrive: @escaping () -> Void) {
        guard network.isOpen(.member(from), .member(to)) else { return }
        let delay = chance.duration(.microseconds(200)...(.milliseconds(2)))
        after(delay + network.delay(.member(from), .member(to))) {
            if self.network.isOpen(.member(from), .member(to)) { arrive() }
        }
    }
}
