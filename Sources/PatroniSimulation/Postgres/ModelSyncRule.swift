// synchronous_standby_names as PostgreSQL carries it out: who counts, and up to where commits are acknowledged.

import PatroniCore

struct ModelSyncRule: Sendable, Equatable {
    var method = SynchronousNames.Method.first
    var count = 0
    /// By server: its place in the list, counted from one; zero: not listed.
    var ranks: [Int] = []

    static let nobody = ModelSyncRule()

    init() {}

    /// Nil for what PostgreSQL would refuse.
    init?(_ text: String?, servers: [ModelServer]) {
        guard let text, !text.isEmpty else { return }
        guard let names = SynchronousNames(parsing: text) else { return nil }
        method = names.method
        count = names.count
        ranks = servers.map { server in
            if let place = names.names.firstIndex(where: { $0.matches(server.name) }) { return place + 1 }
            return names.hasAnybody ? names.names.count + 1 : 0
        }
    }

    var isNobody: Bool { count == 0 }

    /// The position up to which everything is acknowledged; nil: nothing can be.
    func acknowledged(_ senders: [ModelSender], _ position: (ModelSender) -> LSN) -> LSN? {
        if isNobody { return LSN(.max) }
        var counted: [(rank: Int, position: LSN)] = []
        for sender in senders where sender.isStreaming && ranks[sender.standby] > 0 {
            counted.append((ranks[sender.standby], position(sender)))
        }
        guard counted.count >= count else { return nil }
        switch method {
        case .first:
            // Of equal rank the first to come counts first; senders are in that order, and sorting must keep it.
            var chosen = LSN(.max)
            for place in Self.first(count, of: counted.map(\.rank)) { chosen = min(chosen, counted[place].position) }
            return chosen
        case .any:
            counted.sort { $0.position > $1.position }
            return counted[count - 1].position
        }
    }

    /// `sync`, `potential`, `quorum` or `async`, in the order of the senders.
    func words(_ senders: [ModelSender]) -> [String] {
        if isNobody { return senders.map { _ in "async" } }
        if method == .any { return senders.map { ranks[$0.standby] > 0 ? "quorum" : "async" } }
        let counted = senders.indices.filter { senders[$0].isStreaming && ranks[senders[$0].standby] > 0 }
        let chosen = Set(Self.first(count, of: counted.map { ranks[senders[$0].standby] }).map { counted[$0] })
        return senders.indices.map { index in
            ranks[senders[index].standby] == 0 ? "async" : chosen.contains(index) ? "sync" : "potential"
        }
    }

    func rank(_ sender: ModelSender) -> Int {
        isNobody ? 0 : method == .any ? min(ranks[sender.standby], 1) : ranks[sender.standby]
    }

    private static func first(_ count: Int, of ranks: [Int]) -> ArraySlice<Int> {
        ranks.indices.sorted { (ranks[$0], $0) < (ranks[$1], $1) }.prefix(count)
    }
}
