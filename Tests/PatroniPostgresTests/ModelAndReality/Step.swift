// A recorded scenario: steps that a cluster of three servers goes through, in the model and in reality.

import PatroniCore
import Testing

/// One thing that is done to the servers `a`, `b` and `c`.
enum Step: Sendable, CustomStringConvertible {
    case create(String)
    case copy(String, from: String)
    case startPrimary(String)
    case startStandby(String, of: String)
    case stop(String, StopMode)
    /// Begins to stop, which may wait for others.
    case beginStop(String)
    case kill(String)
    case promote(String)
    case follow(String, String)
    case names(String, on: String)
    case commit(on: String)
    case freeze(String)
    case thaw(String)
    case checkpoint(String)
    /// What the agent finds out before following.
    case compare(String, with: String)
    case rewind(String, from: String)

    var description: String {
        switch self {
        case .create(let name): "create \(name)"
        case .copy(let name, let source): "copy \(source) to \(name)"
        case .startPrimary(let name): "start \(name) as primary"
        case .startStandby(let name, let upstream): "start \(name) as standby of \(upstream)"
        case .stop(let name, let mode): "stop \(name) \(mode.rawValue)"
        case .beginStop(let name): "begin to stop \(name)"
        case .kill(let name): "kill \(name)"
        case .promote(let name): "promote \(name)"
        case .follow(let name, let upstream): "\(name) follows \(upstream)"
        case .names(let names, let name): "\(name) waits for '\(names)'"
        case .commit(let name): "commit on \(name)"
        case .freeze(let name): "freeze \(name)"
        case .thaw(let name): "thaw \(name)"
        case .checkpoint(let name): "checkpoint on \(name)"
        case .compare(let name, let leader): "compare \(name) with \(leader)"
        case .rewind(let name, let leader): "rewind \(name) from \(leader)"
        }
    }
}

/// What can be seen of one server; the model predicts it, reality shows it.
struct SeenServer: Equatable, CustomStringConvertible {
    var state = "empty"
    var timeline: UInt32?
    /// Whom it streams from.
    var upstream: String?
    var control: String?
    /// pg_stat_replication: who, and its sync_state.
    var standbys: [String: String] = [:]
    /// The commits that a query finds.
    var rows: Set<Int>?

    var description: String {
        let list = standbys.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        return "\(state), timeline \(timeline.map(String.init) ?? "-"), from \(upstream ?? "nobody"), "
            + "control '\(control ?? "-")', standbys [\(list)], rows \(rows.map { "\($0.sorted())" } ?? "-")"
    }
}

struct SeenCluster: Equatable, CustomStringConvertible {
    var servers: [String: SeenServer] = [:]
    /// The commits whose client was told so.
    var acknowledged: Set<Int> = []

    var description: String {
        servers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
            + "\nacknowledged \(acknowledged.sorted())"
    }
}

struct Scenario: Sendable, CustomTestStringConvertible {
    var name: String
    var steps: [Step]
    var testDescription: String { name }

    private static let three: [Step] = [
        .create("a"), .startPrimary("a"), .copy("b", from: "a"), .startStandby("b", of: "a"), .copy("c", from: "a"),
        .startStandby("c", of: "a"), .commit(on: "a"),
    ]
    private static let two = Array(three.prefix(4)) + [.commit(on: "a")]

    static let all: [Scenario] = [
        Scenario(
            name: "a primary crashes and comes back",
            steps: two + [.kill("a"), .startPrimary("a"), .commit(on: "a"), .kill("b"), .startStandby("b", of: "a")]),
        Scenario(
            name: "a standby is promoted, the old primary diverged and is rewound",
            steps: three + [
                .freeze("b"), .freeze("c"), .commit(on: "a"), .kill("a"), .thaw("b"), .thaw("c"), .promote("b"),
                .follow("c", "b"), .commit(on: "b"), .checkpoint("b"), .compare("a", with: "b"),
                .startStandby("a", of: "b"), .compare("a", with: "b"), .stop("a", .fast), .rewind("a", from: "b"),
                .startStandby("a", of: "b"), .commit(on: "b"), .compare("a", with: "b"),
            ]),
        Scenario(
            name: "a primary that stops hands over everything",
            steps: two + [
                .commit(on: "a"), .stop("a", .fast), .promote("b"), .compare("a", with: "b"),
                .startStandby("a", of: "b"), .commit(on: "b"), .stop("b", .fast), .promote("a"),
                .compare("b", with: "a"), .startStandby("b", of: "a"), .commit(on: "a"),
            ]),
        Scenario(
            name: "a primary that stops waits for a standby that stands still",
            steps: two + [.freeze("b"), .beginStop("a"), .thaw("b")]),
        Scenario(
            name: "a synchronous standby is lost, commits wait until the names change",
            steps: three + [
                .names("b", on: "a"), .commit(on: "a"), .freeze("b"), .commit(on: "a"), .thaw("b"), .kill("b"),
                .commit(on: "a"), .names("c", on: "a"), .commit(on: "a"), .kill("c"), .commit(on: "a"),
                .names("", on: "a"), .startStandby("b", of: "a"), .names("*", on: "a"), .commit(on: "a"),
            ]),
        Scenario(
            name: "the first of a list, and more of them than there are",
            steps: three + [
                .names("1 (c,b)", on: "a"), .commit(on: "a"), .names("2 (b,c)", on: "a"), .commit(on: "a"),
                .kill("c"), .commit(on: "a"), .names("1 (c,b)", on: "a"), .startStandby("c", of: "a"),
            ]),
        Scenario(
            name: "a quorum of any one",
            steps: three + [
                .names("ANY 1 (b,c)", on: "a"), .commit(on: "a"), .freeze("b"), .commit(on: "a"), .kill("c"),
                .commit(on: "a"), .thaw("b"), .commit(on: "a"), .kill("a"), .startPrimary("a"), .commit(on: "a"),
            ]),
        Scenario(
            name: "a cascade, and its middle is promoted",
            steps: three + [
                .follow("c", "b"), .commit(on: "a"), .kill("a"), .promote("b"), .commit(on: "b"), .checkpoint("b"),
                .compare("a", with: "b"),
            ]),
        Scenario(
            name: "two promotions to one timeline at the same place",
            steps: three + [
                .kill("a"), .promote("b"), .commit(on: "b"), .checkpoint("b"), .stop("b", .fast),
                .startStandby("b", of: "a"), .promote("c"), .commit(on: "c"), .commit(on: "c"), .checkpoint("c"),
                .commit(on: "c"), .compare("b", with: "c"), .stop("b", .fast), .compare("b", with: "c"),
            ]),
        Scenario(
            name: "a primary that waits is killed, its commit is there and was never acknowledged",
            steps: two + [
                .names("c", on: "a"), .commit(on: "a"), .kill("a"), .promote("b"), .stop("b", .immediate),
                .startPrimary("b"), .commit(on: "b"),
            ]),
    ]
}
