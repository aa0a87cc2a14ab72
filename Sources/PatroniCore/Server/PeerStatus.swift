// What another member answered when asked directly (GET /patroni).

/// One member's answer, or its silence.
public struct PeerStatus: Sendable, Hashable, Codable {
    public var name: MemberName
    public var answer: PeerAnswer?

    public init(name: MemberName, answer: PeerAnswer?) {
        self.name = name
        self.answer = answer
    }

    public var isReachable: Bool { answer != nil }
}

/// The parts of a status page that the rules look at (API-204).
public struct PeerAnswer: Sendable, Hashable, Codable {
    public var isInRecovery: Bool
    /// Larger of received and replayed on a standby, written on a primary; nil when PostgreSQL doesn't run.
    public var position: LSN?
    public var timeline: Timeline?
    public var tags: Tags
    public var hasWatchdogFailed: Bool
    public var dcsLastSeen: Int64

    public init(
        isInRecovery: Bool, position: LSN?, timeline: Timeline?, tags: Tags = Tags(), hasWatchdogFailed: Bool = false,
        dcsLastSeen: Int64 = 0
    ) {
        self.isInRecovery = isInRecovery
        self.position = position
        self.timeline = timeline
        self.tags = tags
        self.hasWatchdogFailed = hasWatchdogFailed
        self.dcsLastSeen = dcsLastSeen
    }

    /// Reads another member's status page; `wal` is the name older versions use for `xlog` (API-190, API-204).
    public init?(statusPage: JSON) {
        guard let page = statusPage.object else { return nil }
        let log = (page["xlog"] ?? page["wal"])?.object
        let written = log?["location"]?.int
        let role = page["role"]?.string.flatMap(MemberRole.init(word:))
        let recovering = !((written ?? 0) != 0 || role == .primary)
        let received = log?["received_location"]?.int ?? 0
        let replayed = log?["replayed_location"]?.int ?? 0
        isInRecovery = recovering
        position = log == nil ? nil : LSN(number: recovering ? max(received, replayed) : written ?? 0)
        timeline = page["timeline"]?.int.flatMap(Timeline.init(number:))
        tags = Tags(page["tags"]?.object ?? JSONObject())
        hasWatchdogFailed = page["watchdog_failed"]?.bool ?? false
        dcsLastSeen = page["dcs_last_seen"]?.int ?? 0
    }
}
