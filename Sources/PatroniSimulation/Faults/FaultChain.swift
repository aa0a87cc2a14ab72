// Faults that follow from each other: the next strikes when something has come of the one before.

import PatroniCore

/// Some mistakes hurt only when two or three things go wrong in one order, within moments that chance alone hardly ever
/// hits. A chain names members by their parts: 0 leads when the chain begins, 1 is the next to lead (a synchronous standby if
/// there is one), 2 and more are the others.
struct FaultChain {
    /// Counted from the beginning of the history.
    var start: Duration
    var links: [Link]

    struct Link {
        var wait: Wait
        var fault: Fault
        var lasts: Duration
    }

    enum Wait {
        /// So long after the link before.
        case delay(Duration)
        /// So long after this happens.
        case until(Happening, Duration)
    }
}

extension FaultChain.Link {
    /// With members in place of parts.
    func cast(_ member: (Int) -> Int) -> Self {
        var link = self
        link.fault = fault.cast(member)
        if case .until(let happening, let delay) = wait { link.wait = .until(happening.cast(member), delay) }
        return link
    }
}

extension Fault {
    fileprivate func cast(_ member: (Int) -> Int) -> Fault {
        switch self {
        case .agentCrash(let part): .agentCrash(member(part))
        case .agentFreeze(let part): .agentFreeze(member(part))
        case .serverCrash(let part): .serverCrash(member(part))
        case .serverFreeze(let part): .serverFreeze(member(part))
        case .nodeCrash(let part): .nodeCrash(member(part))
        case .nodeFreeze(let part): .nodeFreeze(member(part))
        case .isolation(let part): .isolation(member(part))
        case .oneWay(let from, let to): .oneWay(from: member(from), to: member(to))
        case .storeCut(let part): .storeCut(member(part))
        case .deafToStore(let part): .deafToStore(member(part))
        case .peersCut(let part): .peersCut(member(part))
        case .slowNetwork(let part, let extra): .slowNetwork(member(part), extra)
        case .lostRequests(let part, let percent): .lostRequests(member(part), percent: percent)
        case .lostAnswers(let part, let percent): .lostAnswers(member(part), percent: percent)
        case .strayWrites(let part, let extra): .strayWrites(member(part), extra)
        case .storeOutage, .slowStore: self
        case .stalledDisk(let part): .stalledDisk(member(part))
        }
    }
}

extension Happening {
    fileprivate func cast(_ member: (Int) -> Int) -> Happening {
        switch self {
        case .renewed(let part): .renewed(member(part))
        case .acquired(let part): .acquired(member(part))
        case .promotionTold(let part): .promotionTold(member(part))
        case .promoted(let part): .promoted(member(part))
        case .released(let part): .released(member(part))
        case .stopOrdered(let part): .stopOrdered(member(part))
        case .syncWritten(let part): .syncWritten(member(part))
        case .syncGrown(let part): .syncGrown(member(part))
        case .namesSet(let part): .namesSet(member(part))
        case .namesLoosened(let part): .namesLoosened(member(part))
        case .started(let part): .started(member(part))
        case .bootstrapped(let part): .bootstrapped(member(part))
        }
    }
}

extension FaultChain {
    /// One that suits the settings; nil: this history has none.
    static func draw(_ source: inout RandomSource, _ dynamic: JSONObject, busy: Duration) -> FaultChain? {
        guard source.chance(30) else { return nil }
        let isSynchronous = dynamic["synchronous_mode"] != nil
        let links =
            isSynchronous && source.chance(80)
            ? drawSynchronous(&source)
            : dynamic["failsafe_mode"] != nil && source.chance(80) ? drawFailsafe(&source) : drawAny(&source)
        return FaultChain(start: source.duration(.seconds(40)...busy), links: links)
    }

    private static func silenced(_ source: inout RandomSource, _ part: Int) -> Fault {
        source.pick([.storeCut(part), .deafToStore(part), .isolation(part), .nodeCrash(part), .nodeFreeze(part)])
    }

    private static func drawAny(_ source: inout RandomSource) -> [Link] {
        switch source.below(3) {
        case 0:
            // A primary that serves nobody, and nothing else wrong.
            return [
                Link(
                    wait: .delay(.zero), fault: .serverFreeze(0), lasts: source.duration(.seconds(60)...(.seconds(200)))
                )
            ]
        case 1:
            // The next to lead falls just when it has begun to.
            let moment: Happening = source.pick([.acquired(1), .promotionTold(1), .promoted(1)])
            return [
                Link(
                    wait: .delay(.zero), fault: silenced(&source, 0),
                    lasts: source.duration(.seconds(20)...(.seconds(90)))),
                Link(
                    wait: .until(moment, source.duration(.zero...(.seconds(1)))), fault: silenced(&source, 1),
                    lasts: source.duration(.seconds(20)...(.seconds(90)))),
            ]
        default: return drawReturn(&source)
        }
    }

    /// The primary crashes, comes back, and is silenced.
    private static func drawReturn(_ source: inout RandomSource) -> [Link] {
        [
            Link(wait: .delay(.zero), fault: .serverCrash(0), lasts: .seconds(1)),
            Link(
                wait: .until(.started(0), source.duration(.zero...(.seconds(2)))), fault: silenced(&source, 0),
                lasts: source.duration(.seconds(30)...(.seconds(100)))),
        ]
    }

    private static func drawSynchronous(_ source: inout RandomSource) -> [Link] {
        let long = Duration.seconds(30)...(.seconds(100))
        let gone: Fault = source.pick([.nodeCrash(1), .nodeCrash(1), .isolation(1)])
        switch source.below(4) {
        case 0:
            // A synchronous standby is lost; the primary falls as soon as it waits for it no longer.
            return [
                Link(wait: .delay(.zero), fault: gone, lasts: source.duration(.seconds(15)...(.seconds(60)))),
                Link(wait: .until(.namesLoosened(0), .zero), fault: silenced(&source, 0), lasts: source.duration(long)),
            ]
        case 1:
            // The primary chooses a standby that gets nothing any more.
            return [
                Link(wait: .delay(.zero), fault: .peersCut(2), lasts: source.duration(.seconds(30)...(.seconds(90)))),
                Link(
                    wait: .delay(source.duration(.seconds(2)...(.seconds(20)))), fault: .nodeCrash(1),
                    lasts: source.duration(.seconds(60)...(.seconds(150)))),
                Link(
                    wait: .until(.syncGrown(0), source.duration(.zero...(.seconds(1)))), fault: silenced(&source, 0),
                    lasts: source.duration(long)),
            ]
        case 2: return drawReturn(&source)
        default:
            // What names a new standby lands long after that is gone again.
            return [
                Link(wait: .delay(.zero), fault: .nodeCrash(1), lasts: source.duration(.seconds(60)...(.seconds(150)))),
                Link(
                    wait: .until(.namesSet(0), .zero),
                    fault: .strayWrites(0, source.duration(.seconds(5)...(.seconds(25)))), lasts: .seconds(3)),
                Link(
                    wait: .delay(source.duration(.milliseconds(200)...(.seconds(4)))), fault: .nodeCrash(2),
                    lasts: source.duration(.seconds(30)...(.seconds(80)))),
                Link(wait: .until(.syncGrown(0), .zero), fault: silenced(&source, 0), lasts: source.duration(long)),
            ]
        }
    }

    /// The store is out; the primary goes on by the others' leave, and they lose each other.
    private static func drawFailsafe(_ source: inout RandomSource) -> [Link] {
        let outage = source.duration(.seconds(20)...(.seconds(120)))
        let rest = max(.seconds(1), outage - .seconds(10))
        let second: Fault = source.pick([
            .peersCut(0), .peersCut(1), .oneWay(from: 0, to: 1), .oneWay(from: 1, to: 0), .agentFreeze(0),
            .nodeFreeze(0), .agentCrash(0), .slowNetwork(0, .seconds(2)), .isolation(0),
        ])
        return [
            Link(wait: .delay(.zero), fault: .storeOutage(isForgiving: source.chance(50)), lasts: outage),
            Link(
                wait: .delay(source.duration(.seconds(1)...rest)), fault: second,
                lasts: source.duration(.seconds(10)...(.seconds(60)))),
        ]
    }
}

extension World {
    /// Who plays which part is decided now.
    func begin(_ chain: FaultChain) {
        let leader = members.firstIndex { $0.name == store.cluster.leader?.name } ?? 0
        let others = members.indices.filter { $0 != leader }
        let sync = store.cluster.sync
        let parts =
            [leader] + others.filter { sync.hasStandby(members[$0].name) }
            + others.filter { !sync.hasStandby(members[$0].name) }
        let links = chain.links.map { link in link.cast { parts[min($0, parts.count - 1)] } }
        follow(links[...])
    }

    private func follow(_ links: ArraySlice<FaultChain.Link>) {
        guard let link = links.first else { return }
        let strike = {
            self.start(PlannedFault(fault: link.fault, start: self.now - self.begin, lasts: link.lasts))
            self.follow(links.dropFirst())
        }
        switch link.wait {
        case .delay(.zero): strike()
        case .delay(let delay): after(delay, strike)
        case .until(let happening, let delay):
            ambushes.append((happening, { delay == .zero ? strike() : self.after(delay, strike) }))
        }
    }
}
