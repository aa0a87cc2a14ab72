// The JSON of a member, in exactly the order in which Patroni writes it (DCS-029).

extension Member {
    /// The object to store under `members/<name>`.
    public var json: JSONObject {
        var out = JSONObject()
        out["conn_url"] = connectionURL.map(JSON.string)
        out["api_url"] = apiURL.map(JSON.string)
        out["state"] = state.map { .string($0.rawValue) }
        out["role"] = role.map { .string($0.rawValue) }
        out["version"] = version.map(JSON.string)
        out["proxy_url"] = proxyURL.map(JSON.string)
        if awaitsCheckpoint { out["checkpoint_after_promote"] = false }
        let published = tags.published
        if !published.isEmpty { out["tags"] = .object(published) }
        if pendingRestart {
            out["pending_restart"] = true
            out["pending_restart_reason"] = pendingRestartReason.map(JSON.object)
        }
        out["xlog_location"] = position.map { .int($0.number) }
        out["replay_lsn"] = replayedPosition.map { .int($0.number) }
        out["receive_lsn"] = receivedPosition.map { .int($0.number) }
        out["replication_state"] = replicationState.map(JSON.string)
        out["timeline"] = timeline.map { .int(Int64($0.rawValue)) }
        out["scheduled_restart"] = scheduledRestart.map(JSON.object)
        if isPaused { out["pause"] = true }
        return out
    }

    /// Reads what any member may have stored: a legacy URL, an object, or nonsense, which is a member without data
    /// (DCS-030).
    public init(name: MemberName, stored text: String) {
        self.init(name: name)
        if text.hasPrefix("postgres") {
            readLegacyURL(text)
            return
        }
        guard let parsed = try? JSON.parse(text), let object = parsed.object else { return }
        read(object)
    }

    /// Reads the object of `members/<name>`.
    public init(name: MemberName, object: JSONObject) {
        self.init(name: name)
        read(object)
    }

    private mutating func read(_ object: JSONObject) {
        connectionURL = object["conn_url"]?.string
        apiURL = object["api_url"]?.string
        state = object["state"]?.string.flatMap(MemberState.init(rawValue:))
        role = object["role"]?.string.flatMap(MemberRole.init(word:))
        version = object["version"]?.string
        proxyURL = object["proxy_url"]?.string
        awaitsCheckpoint = object["checkpoint_after_promote"] == .bool(false)
        tags = Tags(object["tags"]?.object ?? JSONObject())
        pendingRestart = object["pending_restart"]?.bool ?? false
        pendingRestartReason = object["pending_restart_reason"]?.object
        position = object["xlog_location"]?.int.flatMap(LSN.init(number:))
        replayedPosition = object["replay_lsn"]?.int.flatMap(LSN.init(number:))
        receivedPosition = object["receive_lsn"]?.int.flatMap(LSN.init(number:))
        replicationState = object["replication_state"]?.string
        timeline = object["timeline"]?.int.flatMap(Timeline.init(number:))
        scheduledRestart = object["scheduled_restart"]?.object
        isPaused = object["pause"]?.bool ?? false
    }

    private mutating func readLegacyURL(_ text: String) {
        let parts = text.split(separator: "?", maxSplits: 1)
        connectionURL = parts.first.map(String.init)
        for item in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0] == "application_name" { apiURL = pair[1].removingPercentEncodingOrSelf }
        }
    }
}

extension Substring {
    fileprivate var removingPercentEncodingOrSelf: String {
        var bytes: [UInt8] = []
        var rest = self.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
