// What the servers show: pg_controldata, the status query, pg_stat_replication.

import PatroniCore

/// A row of pg_stat_replication.
public struct ModelStream: Sendable, Hashable {
    public var name: MemberName
    public var isStreaming: Bool
    public var syncState: String
    public var syncPriority: Int
    public var flushed: LSN
    public var replayed: LSN
}

extension ModelFleet {
    public func directory(of id: ServerID) -> DataDirectory {
        let server = servers[id.index]
        if server.hasDebris { return .unreadable("a copy that was not finished") }
        return server.files.map { .holds(controlData(of: $0)) } ?? .empty
    }

    /// A server that stands still answers nothing; how long that takes to find out is the caller's.
    public func status(of id: ServerID) -> ServerStatus {
        let server = servers[id.index]
        guard server.hasPostmaster, let files = server.files else { return .stopped }
        if server.isFrozen { return .unresponsive("no answer in time") }
        guard server.phase.isOpen else { return .starting }
        let recovery: RunningServer.Recovery =
            server.phase == .primary ? .primary(position: server.end) : .standby(progress(of: id.index, files))
        return .running(
            RunningServer(
                recovery: recovery, timeline: files.log.timeline, version: settings.version,
                postmasterStart: WallTime(microseconds: server.started / 1000)))
    }

    private func progress(of index: Int, _ files: ModelFiles) -> StandbyProgress {
        let server = servers[index]
        let upstream = server.receiver.connection == nil ? nil : server.upstream?.index
        return StandbyProgress(
            received: server.receiver.hasReceived || upstream != nil ? files.log.end : nil, replayed: files.replayed,
            replicationState: upstream == nil ? nil : "streaming", upstream: upstream.map { servers[$0].endpoint },
            latestUpstreamEnd: upstream.map { servers[$0].track.position(at: now - link($0, index).latency) })
    }

    /// The connected standbys; nil when nobody answers.
    public func streams(of id: ServerID) -> [ModelStream]? {
        let server = servers[id.index]
        guard server.phase.isOpen, !server.isFrozen else { return nil }
        let words = server.phase == .primary ? server.rule.words(server.senders) : server.senders.map { _ in "async" }
        return zip(server.senders, words).map { sender, word in
            ModelStream(
                name: servers[sender.standby].name, isStreaming: sender.isStreaming, syncState: word,
                syncPriority: server.rule.rank(sender), flushed: sender.flushed, replayed: sender.replayed)
        }
    }

    /// Nil on a standby, and when nobody answers.
    public func synchronousStatus(of id: ServerID) -> SynchronousStatus? {
        guard servers[id.index].phase == .primary, let streams = streams(of: id) else { return nil }
        return SynchronousStatus(
            names: servers[id.index].names ?? "", commitLevel: "on", position: servers[id.index].end,
            streams: streams.map {
                StandbyStream(
                    name: $0.name, isStreaming: $0.isStreaming, syncState: $0.syncState, written: $0.flushed,
                    flushed: $0.flushed, replayed: $0.replayed)
            })
    }

    /// synchronous_standby_names as last set, whether the server runs or not.
    public func names(on id: ServerID) -> String? { servers[id.index].names }

    public func slotPositions(of id: ServerID) -> [String: LSN] {
        let server = servers[id.index]
        return Dictionary(server.slots.map { ($0.name, position(of: $0, on: id.index)) }, uniquingKeysWith: { $1 })
    }

    /// Of a primary that was shut down cleanly.
    public func shutdownCheckpoint(of id: ServerID) -> ShutdownCheckpoint? {
        guard let files = servers[id.index].files, files.state == .shutDown else { return nil }
        return ShutdownCheckpoint(location: files.checkpoint)
    }

    /// Where the timeline of a server that answers began; nil on the first one.
    public func beginning(of id: ServerID) -> TimelineHistory.Row? {
        let server = servers[id.index]
        guard server.phase.isOpen, !server.isFrozen, let log = server.files?.log else { return nil }
        return log.history.rows.last { $0.timeline < log.timeline }
    }

    /// Nil when the server has no history file of that timeline.
    public func history(of timeline: Timeline, on id: ServerID) -> TimelineHistory? {
        guard let log = servers[id.index].files?.log, log.timeline == timeline else { return nil }
        return log.history
    }
}
