// There is no database on this member yet, or none that can be read.

enum EmptyDataDirectory {
    static let table = RuleTable(
        "empty-data-directory", "The data directory is empty, unreadable or out of reach.",
        when: { $0.control == nil && ($0.server == .stopped || $0.observation.directory == .empty) },
        [
            Rule("vanished-paused", "In maintenance mode nothing is stopped, whatever happens to its files.") { now in
                now.isPaused && now.server != .stopped ? .settled(.directoryVanished, again: .seconds(1)) : nil
            },
            Rule("vanished", "The files are gone under a running server: nothing it accepts now will survive (HA-028).")
            { now in
                guard now.server != .stopped else { return nil }
                let mode: Demotion = now.holdsLeaderKey ? .immediate : .immediateWithoutKey
                return .act(.begin(.demote(mode)), because: .directoryVanished)
            },
            Rule("leader-without-data", "A leader without data must let somebody with data lead (HA-028).") { now in
                guard now.holdsLeaderKey, !now.did(.releaseLeaderKey) else { return nil }
                return .act(.releaseLeaderKey, because: .releasedWithoutData(now.observation.directory))
            },
            Rule("released", "The next turn sees who leads.") { now in
                now.did(.releaseLeaderKey)
                    ? .settled(.releasedWithoutData(now.observation.directory), again: .seconds(1)) : nil
            },
            Rule("inaccessible", "A disk that can't be read is not an empty one: touch nothing (HA-391).") { now in
                guard case .inaccessible(let why) = now.observation.directory else { return nil }
                return .settled(.directoryInaccessible(why))
            },
            Rule(
                "unreadable",
                "Files are there, so somebody's data may be: only the operator may throw them away (HA-029)."
            ) { now in
                guard case .unreadable(let why) = now.observation.directory else { return nil }
                return .settled(.directoryUnreadable(why))
            },
            Rule("paused", "In maintenance mode nothing is created.") { now in
                now.isPaused ? .settled(.emptyWhilePaused) : nil
            },
            Rule("claim-answered", "The race for the initialize key is decided (HA-046).") { now in
                switch now.facts.claim {
                case nil: nil
                case .written where now.isStandbyCluster:
                    .act(.begin(.bootstrapStandbyLeader), because: .bootstrappingStandbyLeader)
                case .written: .act(.begin(.bootstrap), because: .bootstrapping)
                case .conflict: .settled(.lostInitializeRace, again: .seconds(1))
                case .unknown(let failure): .settled(.initializeUnknown(failure), again: .seconds(1))
                }
            },
            Rule("create-the-cluster", "Nobody has ever created this cluster: race for it (HA-045).") { now in
                guard now.isUnlocked, now.cluster?.initialize == .absent, now.mayLead, now.observation.mayBootstrap
                else { return nil }
                return .act(.claimInitialize, because: .bootstrapping)
            },
            Rule("retry-later", "A clone just failed; the same a moment later would fail again (HA-072).") { now in
                guard let failure = now.memory.cloneFailure, let left = now.backoff(failure) else { return nil }
                return .settled(.cloneFailed(failure.why), again: left)
            },
            Rule("clone", "Copy from a replica marked for it, else from the leader (HA-064).") { now in
                guard let leader = now.cluster?.leaderMember, leader.name != now.me, leader.connectionURL != nil else {
                    return nil
                }
                // Where the last attempt failed, the leader itself is the better source.
                let source =
                    now.memory.cloneFailure == nil ? cloneSource(now, leader: leader.name) : .leader(leader.name)
                return .act(.begin(.clone(from: source)), because: .cloning(source))
            },
            Rule("clone-without-leader", "A backup will do, unless somebody is creating the cluster (HA-065).") { now in
                guard now.observation.mayCloneWithoutLeader, now.cluster?.initialize != .inProgress else { return nil }
                return .act(.begin(.clone(from: .noLeader)), because: .cloning(.noLeader))
            },
            Rule("wait-for-a-leader", "There will be a leader to copy from.") { now in
                let reason: Reason =
                    now.isStandbyCluster ? .waitingForStandbyLeaderToBootstrap : .waitingForLeaderToBootstrap
                return .settled(reason, again: .seconds(1))
            },
        ])

    static func cloneSource(_ now: Situation, leader: MemberName) -> CloneSource {
        now.cluster?.cloneSource(for: now.me, leader: leader) ?? .leader(leader)
    }
}

extension Cluster {
    /// Where `me` copies from: a running replica tagged `clonefrom` spares the leader (HA-064, HA-342). The first by name, so
    /// that the choice can be repeated.
    public func cloneSource(for me: MemberName, leader: MemberName) -> CloneSource {
        let replica = members.first {
            $0.tags.isCloneSource && $0.isRunning && $0.connectionURL != nil && $0.name != me && $0.name != leader
        }
        return replica.map { .replica($0.name) } ?? .leader(leader)
    }
}
