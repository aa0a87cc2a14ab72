// From the slots that exist to those that ought to: what to create, drop and move.

/// A replication slot as the server shows it; temporary and failover slots are left out by the query.
public struct ExistingSlot: Sendable, Hashable, Codable {
    public enum Kind: Sendable, Hashable, Codable {
        case physical
        case logical(database: String, plugin: String)
    }

    public var name: String
    public var kind: Kind
    public var isActive: Bool
    public var restart: LSN?
    /// How far the consumer of a logical slot is.
    public var confirmed: LSN?
    /// It holds back vacuum on behalf of its consumer.
    public var hasTransactionHorizon: Bool
    /// `wal_status` is `lost`: its consumer can never continue.
    public var isLost: Bool

    public init(
        name: String, kind: Kind = .physical, isActive: Bool = false, restart: LSN? = nil,
        confirmed: LSN? = nil,
        hasTransactionHorizon: Bool = false, isLost: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.isActive = isActive
        self.restart = restart
        self.confirmed = confirmed
        self.hasTransactionHorizon = hasTransactionHorizon
        self.isLost = isLost
    }
}

public enum SlotAction: Sendable, Hashable, Codable {
    case create(String)
    /// Only on a primary; standbys get copies.
    case createLogical(String, LogicalSlot)
    case drop(String, because: DropReason)
    case advance(String, to: LSN)
    /// On a standby: the consumer has got so far on the primary. PostgreSQL itself goes no further than what has been
    /// replayed (HA-272).
    case advanceLogical(String, database: String, to: LSN)

    public enum DropReason: String, Sendable, Hashable, Codable {
        case unknown = "nobody needs it"
        case lost = "its WAL is gone"
        case wrongKind = "it is a slot of another kind"
        case horizon = "it holds back vacuum and nobody uses it here"
        case noPosition = "it reserves no WAL, so it was not made by this program"
    }
}

public enum SlotPlan {
    /// `mayCleanHorizons`: there is a leader, and if it is this member it has been promoted (HA-280).
    public static func actions(
        wanted: WantedSlots, existing: [ExistingSlot], ignored: IgnoredSlots, isPaused: Bool, mayCleanHorizons: Bool,
        isPrimary: Bool = false
    ) -> [SlotAction] {
        var actions: [SlotAction] = []
        var remaining: [String: ExistingSlot] = [:]
        for slot in existing {
            remaining[slot.name] = slot
            guard let reason = dropReason(slot, wanted, mayCleanHorizons) else { continue }
            let isOurs = (wanted.physical[slot.name] != nil || wanted.logical[slot.name] != nil) && reason != .lost
            if !isOurs, isPaused || ignored.matches(slot) { continue }
            // An active slot can't be dropped: its consumer is there, so it stays until that leaves.
            if slot.isActive { continue }
            actions.append(.drop(slot.name, because: reason))
            remaining[slot.name] = nil
        }
        for (name, slot) in wanted.physical.sorted(by: { $0.key < $1.key }) {
            guard let present = remaining[name] else {
                actions.append(.create(name))
                continue
            }
            guard case .physical = present.kind, !present.isActive, slot.isExpectedActive != true,
                !present.hasTransactionHorizon
            else { continue }
            if let position = slot.position, let restart = present.restart, restart < position {
                actions.append(.advance(name, to: position))
            }
        }
        for (name, slot) in wanted.logical.sorted(by: { $0.key < $1.key }) {
            if let present = remaining[name] {
                guard !isPrimary, !present.isActive, present.kind == slot.kind, let position = slot.position,
                    let confirmed = present.confirmed, confirmed < position
                else { continue }
                actions.append(.advanceLogical(name, database: slot.database, to: position))
            } else if isPrimary {
                actions.append(.createLogical(name, slot))
            }
        }
        return actions
    }

    /// Logical slots that a standby has to copy from the primary, which has them (HA-273).
    public static func missing(_ wanted: WantedSlots, existing: [ExistingSlot]) -> [String] {
        let names = Set(existing.map(\.name))
        return wanted.logical.filter { $0.value.position != nil && !names.contains($0.key) }.keys.sorted()
    }

    private static func dropReason(
        _ slot: ExistingSlot, _ wanted: WantedSlots, _ mayCleanHorizons: Bool
    ) -> SlotAction.DropReason? {
        if let logical = wanted.logical[slot.name] {
            return slot.kind != logical.kind ? .wrongKind : slot.isLost ? .lost : nil
        }
        guard let wish = wanted.physical[slot.name] else { return .unknown }
        guard case .physical = slot.kind else { return .wrongKind }
        if slot.isLost { return .lost }
        if mayCleanHorizons, wish.isExpectedActive == false, slot.hasTransactionHorizon { return .horizon }
        if wish.isExpectedActive != true, !slot.hasTransactionHorizon, slot.restart == nil { return .noPosition }
        return nil
    }
}

/// `ignore_slots` of the dynamic configuration: slots that others manage (CFG-226, HA-284).
public struct IgnoredSlots: Sendable, Hashable {
    private var matchers: [JSONObject]

    public init(_ cluster: Cluster) {
        matchers = (cluster.configuration?.values["ignore_slots"]?.array ?? []).compactMap(\.object)
    }

    public func matches(_ slot: ExistingSlot) -> Bool {
        var attributes = ["name": slot.name, "type": "physical"]
        if case .logical(let database, let plugin) = slot.kind {
            attributes["type"] = "logical"
            attributes["database"] = database
            attributes["plugin"] = plugin
        }
        return matchers.contains { matcher in
            ["name", "type", "database", "plugin"].allSatisfy { key in
                guard let wanted = matcher[key], !wanted.isFalsy else { return true }
                return wanted.string == attributes[key]
            }
        }
    }
}
