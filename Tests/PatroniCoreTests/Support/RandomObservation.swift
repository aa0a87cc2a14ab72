// Observations nobody would think of, made from a seed.

@testable import PatroniCore

extension SeededRandom {
    private static let names: [MemberName] = ["alpha", "beta", "gamma"]

    private mutating func position() -> UInt64 { UInt64(pick([0, 1, 99, 100, 101, 5_000_000])) }
    private mutating func timeline() -> Timeline? { maybe(85, Timeline(UInt32(number(1...3)))) }
    private mutating func moment(_ seconds: ClosedRange<Int>) -> Moment { .start + .seconds(number(seconds)) }

    mutating func tags() -> Tags {
        var values = JSONObject()
        if chance(15) { values["nofailover"] = true }
        if chance(15) { values["failover_priority"] = .int(Int64(number(0...3))) }
        if chance(15) { values["clonefrom"] = true }
        if chance(10) { values["nostream"] = true }
        if chance(15) { values["replicatefrom"] = .string(pick(Self.names).text) }
        return Tags(values)
    }

    mutating func request() -> FailoverRequest? {
        guard chance(35) else { return nil }
        let time = maybe(40, WallTime.noon + .seconds(number(-40...40)))
        return FailoverRequest(
            leader: maybe(60, pick(Self.names)), candidate: maybe(60, pick(Self.names + ["delta"])), scheduledAt: time)
    }

    mutating func server() -> ServerStatus {
        switch number(0...9) {
        case 0, 1: .stopped
        case 2: .starting
        case 3: .unresponsive("no answer")
        case 4...6: .primary(at: position(), timeline: UInt32(number(1...3)))
        default: .standby(at: position(), timeline: timeline()?.rawValue, streaming: chance(50))
        }
    }

    mutating func directory() -> DataDirectory {
        switch number(0...11) {
        case 0: return .empty
        case 1: return .inaccessible("Input/output error")
        case 2: return .unreadable("too short")
        default:
            let states: [ControlState] = [
                .startingUp, .shutDown, .shutDownInRecovery, .shuttingDown, .inCrashRecovery, .inArchiveRecovery,
                .inProduction,
            ]
            var control = ControlData.make(pick(states), identifier: chance(90) ? .ours : .foreign)
            control.timeline = timeline()
            control.allowsRewind = chance(60)
            return .holds(control)
        }
    }

    mutating func cluster() -> Cluster {
        var cluster = Cluster.healthy
        switch number(0...9) {
        case 0: cluster.initialize = .absent
        case 1: cluster.initialize = .inProgress
        case 2: cluster.initialize = .invalid("x")
        case 3: cluster.initialize = .done(.foreign)
        default: break
        }
        if chance(40) { cluster.failsafe = chance(20) ? [:] : [pick(Self.names): "http://x:8008/patroni"] }
        cluster.leader = maybe(65, Leader(name: pick(Self.names)))
        if chance(20) { cluster.configuration = nil }
        cluster.status.position = maybe(80, LSN(position()))
        cluster.failover = request()
        if chance(20) { cluster.sync = SyncState(leader: pick(Self.names), quorum: number(0...2), standbys: ["beta"]) }
        if chance(50) {
            let row = TimelineHistory.Row(timeline: Timeline(UInt32(number(1...3))), switchpoint: LSN(50), reason: "")
            cluster.history = TimelineHistory(rows: chance(80) ? [row] : [])
        }
        for index in cluster.members.indices {
            cluster.members[index].tags = tags()
            cluster.members[index].role = pick([.primary, .replica, .demoted, nil])
            if chance(10) { cluster.members[index].connectionURL = nil }
            if chance(10) { cluster.members[index].apiURL = nil }
            if chance(20) { cluster.members[index].awaitsCheckpoint = true }
            cluster.members[index].timeline = timeline()
        }
        cluster.members.removeAll { _ in chance(15) }
        return cluster
    }

    mutating func settings() -> ClusterSettings {
        var settings = ClusterSettings()
        settings.isPaused = chance(30)
        settings.checkTimeline = chance(30)
        settings.usePgRewind = chance(50)
        settings.removeDataDirectoryOnRewindFailure = chance(30)
        settings.removeDataDirectoryOnDivergedTimelines = chance(30)
        settings.primaryStartTimeout = pick([.zero, .seconds(20), .seconds(300)])
        settings.synchronousMode = pick([.off, .off, .off, .on, .quorum])
        settings.isFailsafeModeEnabled = chance(40)
        if chance(15) { settings.primaryRaceBackoff = .seconds(number(1...60)) }
        if chance(15) { settings.standbyCluster = RemoteSource(["host": "elsewhere"]) }
        return settings
    }

    mutating func failsafe() -> FailsafeView {
        FailsafeView(
            circle: maybe(60, ["gamma": "http://gamma:8008/patroni"]),
            promise: maybe(40, FailsafePromise(leader: pick(Self.names), until: moment(-5...20))),
            lastLeader: maybe(40, .init(name: pick(Self.names), at: moment(-30...0))),
            startedAt: maybe(60, moment(-40...0)))
    }

    mutating func job() -> Job {
        pick([
            .bootstrap, .clone(from: .leader("alpha")), .start(.primary), .start(.standby(.nobody)), .promote,
            .demote(.offline), .demote(.immediate), .demote(.immediateWithoutKey), .demote(.graceful(.switchover())),
            .restart(startTimeout: maybe(50, .seconds(10))), .reinitialize(from: .leader("alpha")),
            .checkDivergence(from: "alpha"), .rewind(from: "alpha"), .follow(.member("alpha"), restart: true),
            .start(.standbyLeader), .checkDivergence(from: .remote), .demote(.toStandbyCluster),
        ])
    }

    mutating func observation() -> Observation {
        var now = Observation(
            now: .start, wallTime: .noon, me: pick(Self.names), tags: tags(), settings: settings(),
            store: chance(85) ? .cluster(cluster()) : .silent(.noAnswer), lastClusterWithLeader: maybe(60, cluster()),
            directory: directory(), server: server())
        if chance(25) {
            now.job = JobUnderway(job: job(), since: moment(-400...0), isPastReturn: chance(40))
        }
        if chance(60) { now.lease = .held(until: moment(-10...30)) }
        now.mayBootstrap = chance(80)
        now.mayCloneWithoutLeader = chance(10)
        if now.settings.isFailsafeModeEnabled { now.failsafe = failsafe() }
        if chance(30), let timeline = now.server.running?.timeline, timeline > Timeline(1) {
            now.ownBeginning = .init(
                timeline: Timeline(timeline.rawValue - 1), switchpoint: LSN(pick([50, 60])), reason: "")
        }
        return now
    }

    mutating func memory() -> Memory {
        var memory = Memory()
        memory.role = pick([.primary, .replica, .demoted, .uninitialized, .standbyLeader])
        memory.divergence = pick([
            .unchecked, .none, .diverged, .unknown("timeout"), .rewindFailed("exit code 1"), .needsCopy("forked"),
        ])
        memory.bootstrap = chance(85) ? .notOurs : pick([.running, .finished, .failed("initdb failed")])
        memory.startFailure = maybe(15, .init(why: "x", at: moment(-20...0)))
        memory.cloneFailure = maybe(15, .init(why: "x", at: moment(-20...0)))
        memory.stoppedSince = maybe(50, moment(-30...0))
        memory.startingSince = maybe(50, moment(-400...0))
        memory.unresponsiveSince = maybe(50, moment(-60...0))
        memory.noRaceUntil = maybe(15, moment(-10...30))
        memory.unlockedSince = maybe(50, moment(-60...0))
        memory.target = maybe(40, pick([.nobody, .member("alpha")]))
        memory.earlierPosition = maybe(50, LSN(position()))
        memory.retargetedAt = maybe(30, moment(-20...0))
        memory.comparedAt = maybe(50, moment(-20...0))
        memory.followed = maybe(60, .init(leader: pick(Self.names), timeline: nil))
        return memory
    }

    mutating func world() -> World {
        var world = World()
        let outcomes: [LeaderKeyOutcome] = [.held, .held, .held, .lostTo("gamma"), .lostTo(nil), .unknown(.noAnswer)]
        world.renewal = pick(outcomes)
        world.acquisition = pick(outcomes)
        world.claim = pick([.written(nil), .conflict, .unknown(.noAnswer)])
        world.takes = chance(70) ? .zero : .seconds(number(0...8))
        world.failsafe = [
            pick([.accepted("gamma"), .accepted("gamma", for: .seconds(5)), .refused("gamma"), .silent("gamma")])
        ]
        world.upstream = pick([.asWanted, .needsReload, .needsRestart])
        world.peers = Self.names.map { name in
            switch number(0...3) {
            case 0: .silent(name)
            case 1: .primary(name, at: position())
            default:
                .standby(name, at: position(), timeline: timeline()?.rawValue).with {
                    if chance(10) { $0.position = nil }
                    $0.hasWatchdogFailed = chance(10)
                }
            }
        }
        return world
    }
}
