// Plans are drawn by chance.

import PatroniCore

extension HistoryPlan {
    init(seed: UInt64, mode: Mode = .mixed) {
        var source = RandomSource(seed: seed &* 0x2545_F491_4F6C_DD1D &+ 17)
        let count = Self.drawCount(&source)
        self.seed = seed
        let theme = mode == .mixed ? Self.drawTheme(&source) : mode
        self.mode = theme
        members = (0..<count).map { Self.drawMember(&source, $0) }
        dynamic = Self.drawSettings(&source, theme)
        hasFencer = source.chance(50)
        let busy = source.duration(.seconds(240)...(.seconds(420)))
        healed = busy + .seconds(60)
        judged = healed + Self.healingBound + .seconds(source.below(240))
        // From a source of its own: how long it is quiet must not change what happened before.
        var quiet = RandomSource(seed: seed &+ 0x9E37_79B9_7F4A_7C15)
        length = judged + quiet.duration(.seconds(60)...(.seconds(1080)))
        faults = []
        commands = []
        var chains = RandomSource(seed: seed &+ 0x3C6E_F372_FE94_F82B)
        startsTogether = chains.chance(25)
        if theme == .calm { return }
        chain = FaultChain.draw(&chains, dynamic, busy: busy)
        for _ in 0..<(2 + source.below(8)) { faults.append(Self.drawFault(&source, count, busy: busy, ends: healed)) }
        faults.sort { $0.start < $1.start }
        let wishes = theme == .pause ? 4 : source.chance(60) ? source.below(5) : 0
        for _ in 0..<wishes {
            let at = source.duration(.seconds(40)...busy)
            commands.append(PlannedCommand(command: Self.drawCommand(&source, count, theme), at: at))
        }
        if theme == .pause {
            commands.append(PlannedCommand(command: .pause, at: source.duration(.seconds(30)...(.seconds(100)))))
        }
        commands.sort { $0.at < $1.at }
    }

    private static func drawCount(_ source: inout RandomSource) -> Int {
        switch source.below(10) {
        case 0: 2
        case 1: 4
        case 2: 5
        default: 3
        }
    }

    private static func drawTheme(_ source: inout RandomSource) -> Mode {
        switch source.below(100) {
        case ..<25: .asynchronous
        case ..<50: .synchronous
        case ..<70: .quorum
        case ..<85: .failsafe
        default: .pause
        }
    }

    /// Clocks drift by up to one part in a hundred, far more than any machine's.
    private static func drawMember(_ source: inout RandomSource, _ index: Int) -> MemberPlan {
        var plan = MemberPlan()
        plan.clock.origin = Int64(source.below(1_000_000)) * 1_000_000_000
        if source.chance(50) { plan.clock.drift = Int64(source.below(401) - 200) }
        if source.chance(15) { plan.clock.drift = Int64(source.below(20_001) - 10_000) }
        if source.chance(30) { plan.clock.wallOffset = .milliseconds(source.below(20_000) - 10_000) }
        if index > 0, source.chance(6) {
            plan.tags = source.pick([
                ["nofailover": true], ["nosync": true], ["failover_priority": 5], ["sync_priority": 3],
            ])
        }
        return plan
    }

    private static func drawSettings(_ source: inout RandomSource, _ theme: Mode) -> JSONObject {
        var values: JSONObject = ["ttl": 30, "loop_wait": 10, "retry_timeout": 10]
        if source.chance(25) {
            let retry = 3 + source.below(8)
            let loop = 1 + source.below(10)
            values["retry_timeout"] = .int(Int64(retry))
            values["loop_wait"] = .int(Int64(loop))
            values["ttl"] = .int(Int64(max(20, loop + 2 * retry + source.below(20))))
        }
        var postgres: JSONObject = ["use_pg_rewind": true]
        if source.chance(30) { postgres["use_pg_rewind"] = false }
        postgres["remove_data_directory_on_diverged_timelines"] = true
        postgres["remove_data_directory_on_rewind_failure"] = true
        values["postgresql"] = .object(postgres)
        if source.chance(15) { values["primary_start_timeout"] = .int(Int64(source.below(40))) }
        if source.chance(15) { values["check_timeline"] = true }
        if source.chance(10) { values["maximum_lag_on_failover"] = .int(Int64(source.below(200_000))) }
        switch theme {
        case .synchronous: values["synchronous_mode"] = true
        case .quorum: values["synchronous_mode"] = "quorum"
        case .failsafe: values["failsafe_mode"] = true
        case .pause where source.chance(40): values["synchronous_mode"] = true
        default: break
        }
        if values["synchronous_mode"] != nil {
            if source.chance(25) { values["synchronous_mode_strict"] = true }
            if source.chance(25) { values["synchronous_node_count"] = 2 }
        }
        return values
    }

    private static func drawLength(_ source: inout RandomSource) -> Duration {
        switch source.below(10) {
        case ..<3: source.duration(.milliseconds(50)...(.seconds(5)))
        case ..<8: source.duration(.seconds(5)...(.seconds(45)))
        default: source.duration(.seconds(45)...(.seconds(150)))
        }
    }

    private static func drawFault(
        _ source: inout RandomSource, _ count: Int, busy: Duration, ends: Duration
    ) -> PlannedFault {
        let start = source.duration(.seconds(source.chance(10) ? 1 : 30)...busy)
        let lasts = min(drawLength(&source), ends - start)
        let fault = drawKind(&source, count)
        var planned = PlannedFault(fault: fault, start: start, lasts: lasts)
        if source.chance(45) {
            let member = source.below(count)
            planned.ambush = source.pick([
                .renewed(member), .acquired(member), .promotionTold(member), .promoted(member), .released(member),
                .stopOrdered(member), .syncWritten(member), .namesSet(member),
            ])
        }
        return planned
    }

    private static func drawKind(_ source: inout RandomSource, _ count: Int) -> Fault {
        let member = source.below(count)
        let other = (member + 1 + source.below(count - 1)) % count
        switch source.below(20) {
        case 0: return .agentCrash(member)
        case 1, 2: return .agentFreeze(member)
        case 3: return .serverCrash(member)
        case 4: return .serverFreeze(member)
        case 5, 6: return .nodeCrash(member)
        case 7: return .nodeFreeze(member)
        case 8, 9: return .isolation(member)
        case 10: return .oneWay(from: member, to: other)
        case 11, 12: return .storeCut(member)
        case 13: return .deafToStore(member)
        case 14: return .peersCut(member)
        case 15: return .slowNetwork(member, source.duration(.milliseconds(20)...(.seconds(3))))
        case 16: return .lostRequests(member, percent: 20 + source.below(80))
        case 17: return .lostAnswers(member, percent: 20 + source.below(80))
        case 18:
            return source.chance(60)
                ? .storeOutage(isForgiving: source.chance(50))
                : .slowStore(source.duration(.milliseconds(100)...(.seconds(6))))
        default: return .stalledDisk(member)
        }
    }

    private static func drawCommand(_ source: inout RandomSource, _ count: Int, _ theme: Mode) -> OperatorCommand {
        let member = source.below(count)
        switch source.below(theme == .pause ? 12 : 11) {
        case 0, 1: return .switchover(to: source.chance(50) ? nil : member)
        case 2: return .failover(to: member)
        case 3: return .restart(member)
        case 4: return .reinitialize(member, force: source.chance(50))
        case 5: return .stopAgent(member, startAfter: source.duration(.seconds(1)...(.seconds(60))))
        case 6: return .pause
        case 7, 11: return .resume
        case 8:
            return .tag(
                member,
                source.pick([
                    [:], ["nofailover": true], ["nosync": true], ["failover_priority": 3], ["sync_priority": 4],
                ]))
        default: return .configure(drawChange(&source))
        }
    }

    private static func drawChange(_ source: inout RandomSource) -> JSONObject {
        source.pick([
            ["ttl": 20], ["ttl": 40], ["loop_wait": 5], ["loop_wait": 10], ["maximum_lag_on_failover": 10_000],
            ["synchronous_mode": true], ["synchronous_mode": false], ["synchronous_mode_strict": true],
            ["synchronous_mode_strict": false], ["synchronous_node_count": 1], ["synchronous_node_count": 2],
        ])
    }
}
