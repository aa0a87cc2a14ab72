// Watches: who waits for which changes, and the lines they get.

import PatroniCore

/// What a watching connection is told.
enum WatchNews: Sendable {
    case line([UInt8])
    /// The answer ends as it should.
    case end
}

/// The beginning of an answer that goes on.
struct WatchStart: Sendable {
    var id: Int
    var lines: [[UInt8]]
    /// Nothing comes after the lines.
    var isOver = false
    var lasts: Duration
}

struct Watcher: Sendable {
    var resource: Resource
    var namespace: String?
    var selector: Selector
    var node: Int
    var wantsBookmarks: Bool
    /// Only changes after this version.
    var from: Int
    var held: [[UInt8]] = []
    var deliver: @Sendable (WatchNews) -> Void

    /// The line for a change; nil when it is not this watcher's business.
    func line(for change: Change) -> [UInt8]? {
        guard change.key.resource == resource, namespace.map({ $0 == change.key.namespace }) ?? true,
            change.version > from
        else { return nil }
        let wasMine = change.before.map(selector.matches) ?? false
        let isMine = change.after.map(selector.matches) ?? false
        switch (wasMine, isMine) {
        case (false, true): return change.after.map { WatchLine.event("ADDED", $0) }
        case (true, true): return change.after.map { WatchLine.event("MODIFIED", $0) }
        case (true, false):
            guard var gone = change.before, var metadata = gone["metadata"]?.object else { return nil }
            // What it was, with the version in which it went.
            metadata["resourceVersion"] = .string(String(change.version))
            gone["metadata"] = .object(metadata)
            return WatchLine.event("DELETED", gone)
        case (false, false): return nil
        }
    }
}

enum WatchLine {
    static func event(_ type: String, _ object: JSONObject) -> [UInt8] {
        let event: JSONObject = ["type": .string(type), "object": .object(object)]
        return Array((event.text() + "\n").utf8)
    }

    static func bookmark(_ resource: Resource, version: Int) -> [UInt8] {
        event(
            "BOOKMARK",
            [
                "kind": .string(resource.kind), "apiVersion": .string(resource.apiVersion),
                "metadata": ["resourceVersion": .string(String(version)), "creationTimestamp": .null],
            ])
    }
}
