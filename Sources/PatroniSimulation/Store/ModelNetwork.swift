// Who reaches whom, and how fast.

import PatroniCore

/// A place on the network.
enum Node: Hashable {
    case member(Int)
    case store
}

/// Connections by direction. Members are numbered; the store comes after them.
struct ModelNetwork {
    private let size: Int
    /// How many faults block the way from one to the other.
    private var blocks: [Int]
    private var delays: [Duration]

    init(members: Int) {
        size = members + 1
        blocks = Array(repeating: 0, count: size * size)
        delays = Array(repeating: .zero, count: size * size)
    }

    private func index(_ from: Node, _ to: Node) -> Int { number(from) * size + number(to) }

    private func number(_ node: Node) -> Int {
        switch node {
        case .member(let index): index
        case .store: size - 1
        }
    }

    func isOpen(_ from: Node, _ to: Node) -> Bool { blocks[index(from, to)] == 0 }
    func delay(_ from: Node, _ to: Node) -> Duration { delays[index(from, to)] }

    /// Nothing blocks, nothing delays.
    var isSound: Bool { blocks.allSatisfy { $0 == 0 } && delays.allSatisfy { $0 == .zero } }

    mutating func block(_ from: Node, _ to: Node) { blocks[index(from, to)] += 1 }
    mutating func unblock(_ from: Node, _ to: Node) { blocks[index(from, to)] -= 1 }
    mutating func slow(_ from: Node, _ to: Node, by extra: Duration) { delays[index(from, to)] += extra }
}
