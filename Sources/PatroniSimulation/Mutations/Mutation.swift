// Deliberate mistakes. Each is one that somebody could make; the simulator must notice it.

import PatroniCore

/// One mistake: rules that are taken away, or a port that no longer does what it promises.
package struct Mutation: Sendable {
    let name: String
    /// What is wrong, for the table in the docs.
    let sentence: String
    /// What the histories are about in which it shows.
    let mode: Mode
    /// Any of these must be violated.
    let invariants: Set<Invariant>
    /// Within so many seeds.
    let limit: Int
    let kind: Kind

    enum Kind: Sendable {
        /// Rules as `table/rule`.
        case withoutRules(Set<String>)
        case spoil(Spoil)
    }

    init(
        _ name: String, _ sentence: String, _ mode: Mode, _ invariants: Set<Invariant>, within limit: Int, _ kind: Kind
    ) {
        self.name = name
        self.sentence = sentence
        self.mode = mode
        self.invariants = invariants
        self.limit = limit
        self.kind = kind
    }

    /// The plan of a seed with the mistake in it.
    func plan(seed: UInt64) -> HistoryPlan {
        var plan = HistoryPlan(seed: seed, mode: mode)
        switch kind {
        case .withoutRules(let names): plan.rules = plan.rules.map { $0.without(names) }
        case .spoil(let spoil): plan.spoil = spoil
        }
        return plan
    }

    /// Names that no rule bears: a mutation that changes nothing proves nothing.
    var unknownRules: Set<String> {
        guard case .withoutRules(let names) = kind else { return [] }
        return names.subtracting(Rules.tables.flatMap { table in table.rules.map { "\(table.name)/\($0.name)" } })
    }
}

/// A mistake of the shell or of what it stands on.
enum Spoil: Sendable, Equatable {
    /// A request about the leader key without an answer counts as granted.
    case silenceIsSuccess
    /// A conditional write without an answer counts as refused.
    case silenceIsRefusal
    /// Who leaves the synchronous standbys stays in `/sync`.
    case forgetsToShrink
    /// PostgreSQL stops waiting for a standby before `/sync` says so.
    case namesBeforeKey
    /// A standby counts as caught up before it is.
    case confirmedTooEarly
    /// The new primary leaves `/sync` as its predecessor wrote it.
    case keepsOldSyncKey
    /// A primary that comes back waits for nobody.
    case restartsWithoutNames
    /// The leader key goes while PostgreSQL still takes writes.
    case keyBeforeStop
    /// In failsafe mode a member that doesn't answer counts as one that agrees.
    case silenceIsConsent
    /// In failsafe mode a member agrees and does not remember it.
    case forgetsItsPromise
    /// The promotion happens long after the key was checked.
    case promotesLate
    /// Who lost the race to create the cluster creates it all the same.
    case createsAnyway
}

extension Mutation {
    package static let all: [Mutation] = race + leading + synchronous + paused + coming

    /// Mistakes that no history has shown yet: either something else makes up for them, or the moment at which they hurt is
    /// not hit. They are not counted as proof of anything.
    package static let unnoticed: Set<String> = []

    /// Those that must be noticed.
    package static let noticed = all.filter { !unnoticed.contains($0.name) }

    private static let race: [Mutation] = [
        Mutation(
            "race-without-positions", "Nobody compares how far the others are.", .quorum, [.noLostCommits],
            within: 2000,
            .withoutRules(["leader-race/peer-is-ahead", "leader-race/too-few-votes"])),
        Mutation(
            "race-without-quorum", "Fewer voters than needed are enough.", .quorum, [.noLostCommits], within: 2000,
            .withoutRules(["leader-race/too-few-votes", "leader-race/candidate-needs-votes"])),
        Mutation(
            "race-without-sync-key", "Anybody may lead, synchronous or not.", .synchronous, [.noLostCommits],
            within: 500, .withoutRules(["leader-race/not-synchronous"])),
        Mutation(
            "race-without-timelines", "An older timeline than the recorded one will do.", .asynchronous, [.noForks],
            within: 2000, .withoutRules(["leader-race/older-timeline", "leader-race/older-primary"])),
        Mutation(
            "creates-anyway", "Who lost the race to create the cluster creates it all the same.", .asynchronous,
            [.keys, .healing], within: 500, .spoil(.createsAnyway)),
    ]

    private static let leading: [Mutation] = [
        Mutation(
            "writes-on-without-store", "A primary whose lease ends goes on while the store is silent.", .asynchronous,
            [.oneWriter], within: 500, .withoutRules(["store-silent/lease-ends", "store-silent/free-the-hands"])),
        Mutation(
            "second-primary-lives", "A primary beside the leader is not stopped.", .asynchronous,
            [.oneWriter, .healing],
            within: 500,
            .withoutRules(["following/second-primary", "keeping-the-leader-key/demote", "leader-race/lost-as-primary"])),
        Mutation(
            "silence-is-success", "A renewal without an answer counts as granted.", .asynchronous, [.oneWriter],
            within: 2000, .spoil(.silenceIsSuccess)),
        Mutation(
            "key-before-stop", "The key is released before PostgreSQL has stopped.", .asynchronous, [.oneWriter],
            within: 500, .spoil(.keyBeforeStop)),
        Mutation(
            "silence-is-consent", "In failsafe mode who doesn't answer agrees.", .failsafe, [.oneWriter], within: 500,
            .spoil(.silenceIsConsent)),
        Mutation(
            "forgets-its-promise", "In failsafe mode a member agrees, and races all the same.", .failsafe, [.oneWriter],
            within: 500, .spoil(.forgetsItsPromise)),
        Mutation(
            "promotes-late", "The promotion happens long after the key was checked.", .asynchronous, [.oneWriter],
            within: 2000, .spoil(.promotesLate)),
    ]

    private static let synchronous: [Mutation] = [
        Mutation(
            "forgets-to-shrink", "Who is no longer waited for stays in /sync.", .synchronous, [.noLostCommits],
            within: 500, .spoil(.forgetsToShrink)),
        Mutation(
            "names-before-key", "PostgreSQL stops waiting for a standby before /sync says so.", .synchronous,
            [.noLostCommits], within: 5000, .spoil(.namesBeforeKey)),
        Mutation(
            "confirmed-too-early", "A standby gets into /sync before it has caught up.", .synchronous,
            [.noLostCommits], within: 2000, .spoil(.confirmedTooEarly)),
        Mutation(
            "keeps-old-sync-key", "The new primary leaves /sync as its predecessor wrote it.", .synchronous,
            [.noLostCommits, .keys], within: 2000, .spoil(.keepsOldSyncKey)),
        Mutation(
            "restarts-without-names", "A primary that comes back waits for nobody.", .synchronous, [.noLostCommits],
            within: 2000, .spoil(.restartsWithoutNames)),
        Mutation(
            "silence-is-refusal", "A write of /sync without an answer counts as refused.", .synchronous,
            [.noLostCommits, .keys], within: 5000, .spoil(.silenceIsRefusal)),
    ]

    private static let paused: [Mutation] = [
        Mutation(
            "promotes-in-pause", "Maintenance mode does not keep members from leading.", .pause, [.pause],
            within: 500, .withoutRules(["leader-race/paused-standby", "holding-the-lock/paused-standby"])),
        Mutation(
            "starts-in-pause", "What the operator stopped in maintenance mode is started.", .pause, [.pause],
            within: 500, .withoutRules(["recovery/paused", "recovery/paused-leader"])),
        Mutation(
            "demotes-in-pause", "A primary steps down in maintenance mode.", .pause, [.pause], within: 500,
            .withoutRules(["store-silent/paused", "keeping-the-leader-key/paused"])),
    ]

    private static let coming: [Mutation] = [
        Mutation(
            "no-comparison", "A former primary follows without a look at where the logs part.", .asynchronous,
            [.healing], within: 200, .withoutRules(["recovery/compare", "following/compare"])),
        Mutation(
            "no-rewind", "What has diverged is started as it is.", .asynchronous, [.healing], within: 200,
            .withoutRules([
                "recovery/rewind", "recovery/rewind-later", "recovery/rewind-checkpoint", "following/rewind",
                "following/rewind-later", "following/rewind-checkpoint",
            ])),
        Mutation(
            "silent-primary-stays", "A primary that doesn't answer keeps the key.", .asynchronous,
            [.givesWay],
            within: 2000, .withoutRules(["not-answering/give-way"])),
    ]
}
