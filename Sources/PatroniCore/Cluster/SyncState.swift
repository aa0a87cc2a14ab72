// Which members hold every acknowledged commit: `sync`.

/// The leader's published set of synchronous standbys (DCS-038).
public struct SyncState: Sendable, Hashable, Codable {
    public var leader: MemberName?
    public var quorum: Int
    public var standbys: [MemberName]
    public var version: KeyVersion?

    public static let none = SyncState(leader: nil, quorum: 0, standbys: [], version: nil)

    public init(leader: MemberName?, quorum: Int = 0, standbys: [MemberName], version: KeyVersion? = nil) {
        self.leader = leader
        self.quorum = quorum
        self.standbys = standbys
        self.version = version
    }

    public var isEmpty: Bool { leader == nil }

    /// Is this member the leader or a standby of the set? Names match without case (DCS-039).
    public func contains(_ name: MemberName) -> Bool { leader?.matches(name) == true || hasStandby(name) }
    public func hasStandby(_ name: MemberName) -> Bool { standbys.contains { $0.matches(name) } }

    public var json: JSONObject {
        [
            "leader": leader.map { .string($0.text) } ?? .null,
            "quorum": .int(Int64(quorum)),
            "sync_standby": standbys.isEmpty
                ? .null : .string(standbys.map(\.text).sorted().joined(separator: ",")),
        ]
    }

    /// Missing or unreadable text is the empty state.
    public init(stored text: String?, version: KeyVersion?) {
        self = .none
        self.version = version
        guard let text, let parsed = try? JSON.parse(text), let name = parsed["leader"]?.string, !name.isEmpty else {
            return
        }
        leader = MemberName(name)
        let number = parsed["quorum"]
        quorum = Int(clamping: number?.int ?? number?.string.flatMap { Int64($0) } ?? 0)
        standbys = (parsed["sync_standby"]?.string ?? "").split(separator: ",").map { MemberName(String($0)) }
    }
}

extension MemberName {
    /// Sameness where PostgreSQL folds case (application names in synchronous_standby_names).
    public func matches(_ other: MemberName) -> Bool {
        text == other.text || !(isLowerCase && other.isLowerCase) && text.lowercased() == other.text.lowercased()
    }
}
