// One member: what stays when its agent comes and goes.

import PatroniCore

struct SimulatedMember {
    let index: Int
    let name: MemberName
    var clock: MemberClock
    var tags: JSONObject
    /// The copy of the dynamic configuration beside the data.
    var rememberedConfiguration: JSONObject?
    /// The agent that runs now.
    var life: Life?
    /// The operator has stopped it.
    var isWanted = true
    // Faults overlap, so they are counted.
    var reasonsToBeDown = 0
    var reasonsToBeFrozen = 0
    var reasonsOfServerToBeFrozen = 0
    /// Those of them that hold its processes only, and such faults whose processes are gone.
    var reasonsOfProcessesToBeFrozen = 0
    var killedWhileFrozen = 0
    var reasonsOfDiskToStall = 0
    /// Its PostgreSQL has been killed, but the processes hang on the disk.
    var isPutDown = false
    /// The fencer's deadline.
    var safeUntil: Moment?
    /// That passed in maintenance mode, so the fencer looks away until the next lease.
    var isSpared = false
    /// What its last agent knew of maintenance mode.
    var wasPaused = false
    /// The number of the copying program that works in its data directory.
    var copy: Int?
    /// The life that started it.
    var copier: Int?
    var lastRule = ""

    /// Operations on its disk never end.
    var isDiskStalled: Bool { reasonsOfDiskToStall > 0 }

    init(_ index: Int, _ plan: HistoryPlan.MemberPlan) {
        self.index = index
        name = Self.name(index)
        clock = plan.clock
        tags = plan.tags
    }

    static func name(_ index: Int) -> MemberName { names[index] }
    private static let names: [MemberName] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"]
}

/// A member's clocks beside the world's.
struct MemberClock {
    /// Parts per million by which it runs too fast.
    var drift: Int64 = 0
    /// Monotonic clocks begin at each machine's start, so they have nothing to do with each other.
    var origin: Int64 = 0
    var wallOffset: Duration = .zero

    private static let start: Int64 = 1_000_000_000_000

    func local(_ moment: Moment) -> Moment {
        let passed = moment.nanoseconds - Self.start
        return Moment(nanoseconds: origin + passed + passed * drift / 1_000_000)
    }

    /// The first moment of the world at which this clock shows `moment` or more.
    func global(_ moment: Moment) -> Moment {
        // No history lasts longer than a day.
        let wanted = min(moment.nanoseconds &- origin, 100_000_000_000_000)
        var passed = wanted
        while drift != 0, abs(wanted - (passed + passed * drift / 1_000_000)) > 1 {
            passed += wanted - (passed + passed * drift / 1_000_000)
        }
        while passed + passed * drift / 1_000_000 < wanted { passed += 1 }
        return Moment(nanoseconds: Self.start + passed)
    }

    func wall(_ moment: Moment) -> WallTime {
        let micros = (moment.nanoseconds - Self.start + wallOffset.inNanoseconds) / 1000
        return WallTime(microseconds: 1_790_000_000_000_000 + micros)
    }
}
