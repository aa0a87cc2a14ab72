// From the bytes of a watch's endless answer to messages: one JSON document on every line (DCS-093).

import PatroniCore

/// One message of the stream.
enum EtcdWatchMessage: Sendable {
    case created
    case events([(key: String, modified: Int64, stored: StoredKey?)])
    /// Nothing changed up to here.
    case progress
    /// The server ended the watch; its history does not reach back to where we were when `isCompacted`.
    case ended(reason: String, isCompacted: Bool)
    case refused(EtcdRefusal)
    case garbage(String)
}

/// Collects bytes until a message is complete.
struct EtcdWatchReader: Sendable {
    private let path: ClusterPath
    private var rest: [UInt8] = []
    /// etcd's own limit for a request is 1.5 MiB; nothing sensible is larger than this.
    private static let limit = 8 << 20

    init(_ path: ClusterPath) { self.path = path }

    mutating func feed(_ bytes: [UInt8]) -> [EtcdWatchMessage] {
        rest += bytes
        var messages: [EtcdWatchMessage] = []
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(rest[..<end])
            rest.removeSubrange(...end)
            if !line.isEmpty { messages.append(message(line)) }
        }
        if rest.count > Self.limit {
            rest = []
            messages.append(.garbage("a message larger than \(Self.limit) bytes"))
        }
        return messages
    }

    /// What stands at the end without the end of its line.
    mutating func finish() -> [EtcdWatchMessage] {
        rest.isEmpty ? [] : feed([UInt8(ascii: "\n")])
    }

    private func message(_ line: [UInt8]) -> EtcdWatchMessage {
        guard let json = try? JSON.parse(line) else { return .garbage("not JSON") }
        guard let result = json["result"] else {
            return EtcdRefusal(json).map(EtcdWatchMessage.refused) ?? .garbage("neither result nor error")
        }
        if result["canceled"]?.bool == true {
            let compacted = (result["compact_revision"]?.number64 ?? 0) > 0
            let reason = result["cancel_reason"]?.string ?? (compacted ? "its history is compacted" : "no reason given")
            return .ended(reason: reason, isCompacted: compacted)
        }
        if result["created"]?.bool == true { return .created }
        guard let events = result["events"]?.array else { return .progress }
        return .events(
            events.compactMap { event in
                guard let key = event["kv"].flatMap(EtcdKey.init), let name = path.relative(key.path) else {
                    return nil
                }
                return (name, key.modified, event["type"]?.string == "DELETE" ? nil : key.stored)
            })
    }
}
