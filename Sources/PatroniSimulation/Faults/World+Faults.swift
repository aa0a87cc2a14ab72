// Faults begin and end.

import PatroniCore

extension World {
    /// Plans everything that will happen besides what the agents do.
    func prepare() {
        for index in members.indices {
            at(begin + (plan.startsTogether ? .zero : .milliseconds(index * 150))) { self.startAgent(index) }
        }
        for planned in plan.faults { at(begin + planned.start) { self.arm(planned) } }
        if let chain = plan.chain { at(begin + chain.start) { self.begin(chain) } }
        for planned in plan.commands { at(begin + planned.at) { self.carryOut(planned.command) } }
        at(begin + plan.healed) { self.heal() }
        at(begin + plan.judged) { self.checks.atTheEnd(self) }
    }

    private func arm(_ planned: PlannedFault) {
        guard let ambush = planned.ambush else { return start(planned) }
        ambushes.append((ambush, { self.start(planned) }))
    }

    func start(_ planned: PlannedFault) {
        // An ambush that comes too late stays away: by then everything has to work.
        let lasts = min(planned.lasts, begin + plan.healed - now)
        guard lasts > .zero else { return }
        statistics.faults += 1
        trace.note(now, .fault, "fault", statistics.faults)
        trace.say(now, .fault, "\(describe(planned.fault)) for \(lasts.inSeconds) s")
        set(planned.fault, isOn: true)
        after(lasts) {
            self.trace.say(self.now, .fault, "\(self.describe(planned.fault)) is over")
            self.set(planned.fault, isOn: false)
        }
    }

    private func set(_ fault: Fault, isOn: Bool) {
        switch fault {
        case .agentCrash(let member): setDown(member, isOn)
        case .agentFreeze(let member): setFrozen(member, isOn)
        case .serverCrash(let member): if isOn { killServer(member) }
        case .serverFreeze(let member): setProcessesFrozen(member, isOn)
        case .nodeCrash(let member):
            if isOn { crashNode(member) }
            setDown(member, isOn)
            setUnreachable(member, isOn)
        case .nodeFreeze(let member):
            setFrozen(member, isOn)
            setServerFrozen(member, isOn)
        case .isolation(let member): setUnreachable(member, isOn)
        case .oneWay(let from, let to): setBlocked([(.member(from), .member(to))], isOn)
        case .storeCut(let member):
            setBlocked([(.member(member), .store), (.store, .member(member))], isOn)
        case .deafToStore(let member): setBlocked([(.store, .member(member))], isOn)
        case .peersCut(let member): setBlocked(pairs(member), isOn)
        case .slowNetwork(let member, let extra): setSlow(member, isOn ? extra : .zero - extra)
        case .lostRequests(let member, let percent): storeTrouble.lostRequests[member] = isOn ? percent : nil
        case .lostAnswers(let member, let percent): storeTrouble.lostAnswers[member] = isOn ? percent : nil
        case .strayWrites(let member, let extra): storeTrouble.strayWrites[member] = isOn ? extra : nil
        case .storeOutage(let isForgiving): setOutage(isOn, isForgiving)
        case .slowStore(let delay): storeTrouble.delay += isOn ? delay : .zero - delay
        case .stalledDisk(let member): setDiskStalled(member, isOn)
        }
    }

    func describe(_ fault: Fault) -> String {
        switch fault {
        case .agentCrash(let member): "crash of \(members[member].name)'s agent"
        case .agentFreeze(let member): "\(members[member].name)'s agent stands still"
        case .serverCrash(let member): "crash of \(members[member].name)'s PostgreSQL"
        case .serverFreeze(let member): "\(members[member].name)'s PostgreSQL stands still"
        case .nodeCrash(let member): "crash of \(members[member].name)'s machine"
        case .nodeFreeze(let member): "\(members[member].name)'s machine stands still"
        case .isolation(let member): "\(members[member].name) is cut off from everybody"
        case .oneWay(let from, let to): "nothing arrives from \(members[from].name) at \(members[to].name)"
        case .storeCut(let member): "\(members[member].name) is cut off from the store"
        case .deafToStore(let member): "no answer of the store arrives at \(members[member].name)"
        case .peersCut(let member): "\(members[member].name) is cut off from the other members"
        case .slowNetwork(let member, let extra): "\(members[member].name)'s network is \(extra.inSeconds) s slow"
        case .lostRequests(let member, let percent):
            "\(percent) % of \(members[member].name)'s requests to the store are lost"
        case .lostAnswers(let member, let percent):
            "\(percent) % of the store's answers to \(members[member].name) are lost"
        case .strayWrites(let member, let extra):
            "\(members[member].name)'s conditional writes travel \(extra.inSeconds) s"
        case .storeOutage(let isForgiving):
            "the store is out\(isForgiving ? ", and will give every session its time again" : "")"
        case .slowStore(let delay): "the store takes \(delay.inSeconds) s"
        case .stalledDisk(let member): "\(members[member].name)'s disk stands still"
        }
    }

    // MARK: machines

    private func setDown(_ member: Int, _ isOn: Bool) {
        members[member].reasonsToBeDown += isOn ? 1 : -1
        if isOn, let life = members[member].life {
            kill(life)
        } else if members[member].reasonsToBeDown == 0 {
            after(chance.duration(.milliseconds(100)...(.seconds(2)))) { self.startAgent(member) }
        }
    }

    private func setFrozen(_ member: Int, _ isOn: Bool) {
        members[member].reasonsToBeFrozen += isOn ? 1 : -1
        guard let life = members[member].life, !life.isDead else { return }
        if members[member].reasonsToBeFrozen > 0 { life.isFrozen = true } else { life.thaw() }
    }

    /// Of this postmaster and its children: whoever kills them has ended the fault, and the next ones move.
    private func setProcessesFrozen(_ member: Int, _ isOn: Bool) {
        if !isOn, members[member].killedWhileFrozen > 0 {
            members[member].killedWhileFrozen -= 1
            return
        }
        members[member].reasonsOfProcessesToBeFrozen += isOn ? 1 : -1
        setServerFrozen(member, isOn)
    }

    func frozenProcessesAreGone(_ member: Int) {
        while members[member].reasonsOfProcessesToBeFrozen > 0 {
            members[member].reasonsOfProcessesToBeFrozen -= 1
            members[member].killedWhileFrozen += 1
            setServerFrozen(member, false)
        }
    }

    private func setServerFrozen(_ member: Int, _ isOn: Bool) {
        members[member].reasonsOfServerToBeFrozen += isOn ? 1 : -1
        fleet.setFrozen(members[member].reasonsOfServerToBeFrozen > 0, ServerID(member), at: now)
    }

    private func setDiskStalled(_ member: Int, _ isOn: Bool) {
        members[member].reasonsOfDiskToStall += isOn ? 1 : -1
        if !members[member].isDiskStalled, members[member].isPutDown {
            members[member].isPutDown = false
            killServer(member)
        }
        fleet.setDiskStalled(members[member].isDiskStalled, ServerID(member), at: now)
    }

    private func crashNode(_ member: Int) {
        killServer(member)
        // The copying program dies with the machine; the operator clears away what it left.
        if members[member].copy != nil {
            members[member].copy = nil
            try? fleet.removeData(on: ServerID(member), at: now)
        }
    }

    // MARK: the network

    private func pairs(_ member: Int) -> [(Node, Node)] {
        members.indices.filter { $0 != member }.flatMap { other in
            [(Node.member(member), Node.member(other)), (Node.member(other), Node.member(member))]
        }
    }

    private func setUnreachable(_ member: Int, _ isOn: Bool) {
        setBlocked(pairs(member) + [(.member(member), .store), (.store, .member(member))], isOn)
    }

    private func setBlocked(_ ways: [(Node, Node)], _ isOn: Bool) {
        for (from, to) in ways {
            if isOn { network.block(from, to) } else { network.unblock(from, to) }
            applyLink(from, to)
        }
        if !isOn { resumeWatches() }
    }

    private func setSlow(_ member: Int, _ extra: Duration) {
        for (from, to) in pairs(member) + [(.member(member), .store), (.store, .member(member))] {
            network.slow(from, to, by: extra)
            applyLink(from, to)
        }
    }

    private func applyLink(_ from: Node, _ to: Node) {
        guard case .member(let from) = from, case .member(let to) = to else { return }
        fleet.setLink(
            from: ServerID(from), to: ServerID(to), isOpen: network.isOpen(.member(from), .member(to)),
            latency: .milliseconds(1) + network.delay(.member(from), .member(to)), at: now)
    }

    // MARK: the store

    func setOutage(_ isOn: Bool, _ isForgiving: Bool) {
        storeTrouble.outages += isOn ? 1 : -1
        guard !isOn, !storeTrouble.isOut else {
            for member in members { member.life?.hasMissed = true }
            return
        }
        let held = storeTrouble.held
        storeTrouble.held = []
        if isForgiving { store.extendAll(at: now) } else { for request in held { request() } }
        change { _ in }
        planExpiry()
        resumeWatches()
    }

    // MARK: the end of all faults

    /// Faults have ended by themselves; now the operator puts right what people have done.
    private func heal() {
        ambushes = []
        statistics.healings += 1
        trace.note(now, .world, "healed")
        trace.say(now, .world, "from now on everything works")
        for index in members.indices {
            if !members[index].tags.isEmpty { tag(index, [:]) }
            if members[index].life == nil { startAgent(index) }
        }
        // An outage that ends at this very moment may end after us.
        after(.milliseconds(1)) { self.patchConfiguration(["pause": nil]) }
        // By then agents that have just come back have said what they do.
        after(.seconds(20)) { self.removeAbandonedClaim() }
        checks.healed(self)
    }
}
