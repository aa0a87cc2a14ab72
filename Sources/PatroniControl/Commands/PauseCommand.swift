// `pause` and `resume`: maintenance mode (CTL-065 to CTL-068).

import ArgumentParser
import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform

struct PauseCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "pause", abstract: "Disable auto failover")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var group: GroupOption
    @Flag(help: "Wait until pause is applied on all nodes")
    var wait = false

    func execute(_ session: ControlSession) async throws(ControlError) {
        try await PauseSwitch(isPause: true, waits: wait).turn(try session.scope(clusterName), session)
    }
}

struct ResumeCommand: ControlCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Resume auto failover")

    @ParentCommand var patronictl: Patronictl
    @Argument var clusterName: String?
    @OptionGroup var group: GroupOption
    @Flag(help: "Wait until pause is cleared on all nodes")
    var wait = false

    func execute(_ session: ControlSession) async throws(ControlError) {
        try await PauseSwitch(isPause: false, waits: wait).turn(try session.scope(clusterName), session)
    }
}

private struct PauseSwitch {
    let isPause: Bool
    let waits: Bool

    private var word: String { isPause ? "pause" : "resume" }
    private var success: String { "Success: cluster management is \(isPause ? "paused" : "resumed")" }

    func turn(_ scope: String, _ session: ControlSession) async throws(ControlError) {
        let view = try await session.cluster(scope)
        if view.settings.isPaused == isPause { throw .failed("Cluster is \(isPause ? "already" : "not") paused") }
        for member in view.reachableLeaderFirst {
            let answer: HTTPAnswer
            do throws(HTTPFailure) { answer = try await ask(member, session) } catch {
                session.logger.warning("\(error)")
                session.logger.warning("Member \(member.name) is not accessible")
                continue
            }
            if answer.status != 200 {
                session.terminal.echo(
                    "Failed: \(word) cluster management status code=\(answer.status), (\(answer.text))")
                throw .failed("The cluster is \(isPause ? "not" : "still") paused")
            } else if waits {
                try await waitUntilRecognized(view, session)
            } else {
                session.terminal.echo(success)
            }
            return
        }
        throw .failed("Can not find accessible cluster member")
    }

    /// Somebody else may change the configuration at the same moment (409): the member merges it again.
    private func ask(_ member: Member, _ session: ControlSession) async throws(HTTPFailure) -> HTTPAnswer {
        let end = session.deadline()
        while true {
            let answer = try await session.send(.patch, "config", to: member, body: ["pause": isPause ? true : nil])
            if answer.status != 409 || session.time.now >= end { return answer }
            await session.time.sleep(until: session.deadline(.milliseconds(300)))
        }
    }

    /// Members that have stopped writing their key are not waited for to the end (CTL-133).
    private func waitUntilRecognized(_ old: ClusterView, _ session: ControlSession) async throws(ControlError) {
        session.terminal.echo("'\(word)' request sent, waiting until it is recognized by all nodes")
        let before = old.cluster.members.filter { $0.apiURL != nil }
        let loopWait = old.settings.loopWait
        let end = session.deadline(loopWait + .seconds(1))
        while true {
            let members = try await session.cluster(old.scope).cluster.members
            let missing = members.filter { member in
                member.isPaused != isPause && before.contains { $0.name == member.name }
            }
            if missing.isEmpty { break }
            if session.time.now >= end {
                let alive = missing.filter { member in !before.contains(member) }
                if alive.isEmpty { break }
                let names = alive.map(\.name.text).joined(separator: ", ")
                session.terminal.echo(
                    "\(names) members didn't recognized pause state after \(loopWait.wholeSeconds) seconds")
                return
            }
            await session.time.sleep(until: session.deadline(.seconds(1)))
        }
        session.terminal.echo(success)
    }
}
