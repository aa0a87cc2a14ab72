// What all connections of a server share: settings that may be swapped, and the list of connections.

import Logging
import NIOCore
import PatroniCore
import PatroniPlatform
import Synchronization

final class ServerState: Sendable {
    /// What a connection takes with it when it begins.
    struct Settings: Sendable {
        var writer: ResponseWriter
        var tls: ServerTLS?
        var limits: ServerLimits
        var log: Logger
    }

    let handler: any RequestHandler
    let time: any TimeSource
    let connections = ConnectionTable()
    private let current: Mutex<Settings?> = Mutex(nil)
    private let stopping = Mutex(false)

    init(handler: any RequestHandler, time: any TimeSource) {
        self.handler = handler
        self.time = time
    }

    var settings: Settings? { current.withLock { $0 } }
    func use(_ settings: Settings) { current.withLock { $0 = settings } }

    var isStopping: Bool { stopping.withLock { $0 } }
    func setStopping(_ value: Bool) { stopping.withLock { $0 = value } }
}

/// The open connections, to keep their number within its limit.
final class ConnectionTable: Sendable {
    private struct Entry {
        let channel: any Channel
        /// When it fell idle, as a running number; nil while a request is under way.
        var idleSince: UInt64?
    }

    private struct Table {
        var entries: [ObjectIdentifier: Entry] = [:]
        var clock: UInt64 = 0
    }

    private let table = Mutex(Table())

    var count: Int { table.withLock { $0.entries.count } }
    var channels: [any Channel] { table.withLock { $0.entries.values.map(\.channel) } }
    var idleChannels: [any Channel] {
        table.withLock { $0.entries.values.filter { $0.idleSince != nil }.map(\.channel) }
    }

    /// Takes a new connection in. At the limit, the one that has been idle longest makes room; false: none is idle.
    func admit(_ channel: any Channel, limit: Int) -> Bool {
        let (admitted, victim) = table.withLock { table -> (Bool, (any Channel)?) in
            var victim: ObjectIdentifier?
            if table.entries.count >= limit {
                victim =
                    table.entries.filter { $0.value.idleSince != nil }
                    .min { ($0.value.idleSince ?? 0) < ($1.value.idleSince ?? 0) }?.key
                if victim == nil { return (false, nil) }
            }
            table.entries[ObjectIdentifier(channel)] = Entry(channel: channel, idleSince: nil)
            return (true, victim.flatMap { table.entries.removeValue(forKey: $0) }?.channel)
        }
        victim?.close(promise: nil)
        return admitted
    }

    func remove(_ channel: any Channel) {
        table.withLock { _ = $0.entries.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    func setIdle(_ idle: Bool, _ channel: any Channel) {
        table.withLock { table in
            table.clock += 1
            table.entries[ObjectIdentifier(channel)]?.idleSince = idle ? table.clock : nil
        }
    }
}
