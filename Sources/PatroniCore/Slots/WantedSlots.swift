// Which physical replication slots ought to exist on this member, and where they should stand.

/// A physical slot that ought to exist.
public struct WantedSlot: Sendable, Hashable, Codable {
    /// How far its consumer is known to be: an inactive slot is moved there.
    public var position: LSN?
    /// Whether its consumer is expected to be connected here; nil: anything is fine.
    public var isExpectedActive: Bool?

    public init(position: LSN? = nil, isExpectedActive: Bool? = nil) {
        self.position = position
        self.isExpectedActive = isExpectedActive
    }
}

/// A permanent logical slot: made on the primary, copied to whoever may take over (HA-271).
public struct LogicalSlot: Sendable, Hashable, Codable {
    public var database: String
    public var plugin: String
    /// How far its consumer is, as the leader says; nil: the leader has not got it.
    public var position: LSN?

    public init(database: String, plugin: String, position: LSN? = nil) {
        self.database = database
        self.plugin = plugin
        self.position = position
    }

    var kind: ExistingSlot.Kind { .logical(database: database, plugin: plugin) }
}

/// The slots that ought to exist on one member (HA-263 to HA-270).
public struct WantedSlots: Sendable, Hashable, Codable {
    public var physical: [String: WantedSlot] = [:]
    public var logical: [String: LogicalSlot] = [:]
    /// This member, or one that streams from it, has logical slots to protect from vacuum (HA-276).
    public var needsHotStandbyFeedback = false
    /// What is wrong with the configuration, for the log.
    public var complaints: [String] = []

    public init() {}

    /// `isLeader`: this member runs as primary or standby leader. Servers from 11 on; older ones can't move slots.
    public static func on(
        _ me: MemberName, tags: Tags, isLeader: Bool, cluster: Cluster, settings: ClusterSettings
    ) -> WantedSlots {
        var wanted = WantedSlots()
        guard settings.useSlots else { return wanted }
        let place = SlotPlace(me: me, tags: tags, isLeader: isLeader, cluster: cluster, settings: settings)
        wanted.addMembers(place)
        wanted.addRetained(place)
        wanted.addPermanent(place)
        wanted.addFeedback(place)
        return wanted
    }

    private mutating func addMembers(_ place: SlotPlace) {
        let keepsForAll = place.settings.memberSlotsTTL > .zero
        var owners: [String: [MemberName]] = [:]
        for member in place.cluster.members where member.name != place.me && !member.tags.isArchiveOnly {
            let isOurs = place.replicatesFromUs(member)
            // A member that never leads only serves those who really connect to it (HA-266).
            let isWanted = keepsForAll ? place.tags.mayLead || member.tags.upstream == place.me : isOurs
            guard isWanted else { continue }
            let slot = member.name.slotName
            owners[slot, default: []].append(member.name)
            var position = place.cluster.status.slots?[slot]
            // A cascading member's slot on the leader stands still: the member itself knows better (HA-417).
            if member.tags.upstream != nil, let own = member.position { position = max(own, position ?? .zero) }
            physical[slot] = WantedSlot(position: position, isExpectedActive: isOurs)
        }
        for (slot, names) in owners.sorted(by: { $0.key < $1.key }) where names.count > 1 {
            let list = names.map(\.text).joined(separator: ", ")
            complaints.append("Following cluster members share a replication slot name: \(list) map to \(slot)")
        }
    }

    /// Slots of members that went away are kept for a while: they may come back (HA-267).
    private mutating func addRetained(_ place: SlotPlace) {
        guard place.tags.mayLead else { return }
        for name in place.cluster.status.retainedSlots ?? [] where name != place.me.slotName && physical[name] == nil {
            physical[name] = WantedSlot()
        }
    }

    private mutating func addPermanent(_ place: SlotPlace) {
        guard place.tags.mayLead else { return }
        for (name, value) in PermanentSlots.configured(place.cluster).pairs {
            guard PermanentSlots.isValidName(name) else {
                complaints.append("Invalid permanent replication slot name '\(name)'")
                continue
            }
            switch PermanentSlots.kind(value) {
            case .logical(let database, let plugin):
                guard place.canHaveLogicalSlots else { continue }
                let position = place.cluster.status.slots?[name]
                logical[name] = LogicalSlot(database: database, plugin: plugin, position: position)
            case .physical(let clusterType):
                guard place.isMeant(for: clusterType), name != place.me.slotName, physical[name] == nil else {
                    continue
                }
                let cascading = place.cluster.members.first { $0.name.slotName == name && $0.tags.upstream != nil }
                let positions = [place.cluster.status.slots?[name], cascading?.position].compactMap { $0 }
                physical[name] = WantedSlot(
                    position: positions.max(), isExpectedActive: cascading == nil && place.isLeader)
            case nil: complaints.append("Bad value for slot '\(name)' in permanent_slots: \(value.text())")
            }
        }
        for name in physical.keys { logical[name] = nil }
    }

    private mutating func addFeedback(_ place: SlotPlace) {
        let isPassedOn = place.cluster.members.contains {
            $0.tags.upstream == place.me && $0.mayLead && !$0.tags.isArchiveOnly
        }
        needsHotStandbyFeedback =
            !logical.isEmpty || isPassedOn && place.hasLogicalSlots && place.canHaveLogicalSlots
    }
}

/// Where slots are wanted.
private struct SlotPlace {
    let me: MemberName
    let tags: Tags
    let isLeader: Bool
    let cluster: Cluster
    let settings: ClusterSettings

    /// Does the member stream from this one, as things stand (HA-264, HA-265)?
    func replicatesFromUs(_ member: Member) -> Bool {
        guard let upstream = member.tags.upstream else { return isLeader }
        if upstream == me { return isLeader || member.name != cluster.leader?.name }
        return isLeader && cluster.member(upstream) == nil
    }

    /// A standby cluster can't have them, nor can who hears of the log through an archive only (HA-226, HA-277, HA-409).
    var canHaveLogicalSlots: Bool {
        if settings.isStandbyCluster { return false }
        var next = (tags: tags, name: me)
        var seen: Set<MemberName> = []
        while seen.insert(next.name).inserted {
            if next.tags.isArchiveOnly { return isLeader }
            guard let upstream = cluster.member(next.tags.upstream) else { return true }
            next = (upstream.tags, upstream.name)
        }
        return true
    }

    var hasLogicalSlots: Bool {
        PermanentSlots.configured(cluster).pairs.contains { _, value in
            if case .logical? = PermanentSlots.kind(value) { true } else { false }
        }
    }

    func isMeant(for clusterType: String?) -> Bool {
        clusterType != (settings.isStandbyCluster ? "primary" : "standby")
    }
}

/// `slots` of the dynamic configuration (CFG-224, CFG-225).
enum PermanentSlots {
    enum Kind: Sendable, Equatable {
        case physical(clusterType: String?)
        case logical(database: String, plugin: String)
    }

    static func configured(_ cluster: Cluster) -> JSONObject {
        for key in ["permanent_replication_slots", "permanent_slots", "slots"] {
            if let slots = cluster.configuration?.values[key]?.object { return slots }
        }
        return JSONObject()
    }

    static func isValidName(_ name: String) -> Bool {
        let length = name.utf8.count
        return length > 0 && length <= 63
            && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    /// Nil when the value describes no slot.
    static func kind(_ value: JSON) -> Kind? {
        if value.isFalsy { return .physical(clusterType: nil) }
        guard let object = value.object else { return nil }
        let logical = object["database"]?.string.flatMap { database in
            object["plugin"]?.string.map { Kind.logical(database: database, plugin: $0) }
        }
        switch object["type"]?.string {
        case "physical": return .physical(clusterType: object["cluster_type"]?.string)
        case "logical": return logical
        case nil: return logical ?? .physical(clusterType: object["cluster_type"]?.string)
        default: return nil
        }
    }
}
