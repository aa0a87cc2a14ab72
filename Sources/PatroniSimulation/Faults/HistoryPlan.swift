// What one seed stands for: the cluster, its settings, and everything that will be done to it.

import PatroniCore

/// Drawn from the seed before the history begins, so that a story can be told beforehand and shortened afterwards.
struct HistoryPlan {
    struct MemberPlan {
        var clock = MemberClock()
        var tags = JSONObject()
    }

    var seed: UInt64
    var mode: Mode
    var members: [MemberPlan]
    /// `bootstrap.dcs`.
    var dynamic: JSONObject
    /// A second process kills the postmaster when the lease's safe deadline passes.
    var hasFencer: Bool
    var faults: [PlannedFault]
    var commands: [PlannedCommand]
    /// Faults that follow from each other.
    var chain: FaultChain?
    /// All agents begin at the same moment.
    var startsTogether = false
    /// From here on everything works.
    var healed: Duration
    /// And now everything must be as it should.
    var judged: Duration
    /// It stays so while nothing happens, as real clusters spend most of their time.
    var length: Duration
    /// What the agents decide by; tests spoil it.
    var rules = Rules.tables
    /// A deliberate mistake of the shell.
    var spoil: Spoil?

    func end(from begin: Moment) -> Moment { begin + length }

    /// How long a cluster may take to heal: a ttl until the last lease is gone, a long crash recovery, a copy of the data
    /// or a rewind, and a few turns between them.
    static let healingBound: Duration = .seconds(240)
}

/// What the histories are about.
enum Mode: String, CaseIterable {
    /// A bit of everything, chosen by the seed.
    case mixed
    case asynchronous
    case synchronous
    case quorum
    case failsafe
    case pause
    /// Nothing goes wrong.
    case calm
}

/// One fault from its beginning to its end.
struct PlannedFault {
    var fault: Fault
    /// Counted from the beginning of the history.
    var start: Duration
    var lasts: Duration
    /// Waits, from `start` on, for this to happen.
    var ambush: Happening?
}

struct PlannedCommand {
    var command: OperatorCommand
    var at: Duration
}

/// What can go wrong.
enum Fault: Hashable {
    case agentCrash(Int)
    case agentFreeze(Int)
    case serverCrash(Int)
    case serverFreeze(Int)
    case nodeCrash(Int)
    case nodeFreeze(Int)
    case isolation(Int)
    case oneWay(from: Int, to: Int)
    case storeCut(Int)
    /// Requests arrive, answers don't.
    case deafToStore(Int)
    case peersCut(Int)
    case slowNetwork(Int, Duration)
    case lostRequests(Int, percent: Int)
    case lostAnswers(Int, percent: Int)
    /// Its conditional writes travel so much longer than everything else it sends.
    case strayWrites(Int, Duration)
    /// `isForgiving`: every session gets its full time again at the end, as etcd does.
    case storeOutage(isForgiving: Bool)
    case slowStore(Duration)
    case stalledDisk(Int)
}

/// What an operator does.
enum OperatorCommand: Hashable {
    case switchover(to: Int?)
    case failover(to: Int)
    case restart(Int)
    case reinitialize(Int, force: Bool)
    case pause
    case resume
    case configure(JSONObject)
    case tag(Int, JSONObject)
    /// The agent is stopped properly and started again after a while.
    case stopAgent(Int, startAfter: Duration)
}
