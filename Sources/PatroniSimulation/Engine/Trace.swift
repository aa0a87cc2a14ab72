// What happened, as one number to compare and, on demand, as a story to read.

import PatroniCore

/// Who a line of the story is about.
enum Actor: Hashable {
    case member(Int)
    case store
    case fault
    case operatorCommand
    case world

    fileprivate var number: UInt64 {
        switch self {
        case .member(let index): UInt64(index)
        case .store: 100
        case .fault: 101
        case .operatorCommand: 102
        case .world: 103
        }
    }
}

struct Trace {
    /// Every history of one seed ends with the same.
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    /// Nil: nobody reads, so no text is made.
    var tell: ((Moment, Actor, String) -> Void)?

    private mutating func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x0000_0100_0000_01B3 &+ (hash >> 29) }

    /// Something that belongs to the history.
    mutating func note(_ at: Moment, _ actor: Actor, _ what: StaticString, _ value: Int = 0) {
        mix(UInt64(bitPattern: at.nanoseconds) &+ actor.number)
        mix(UInt64(UInt(bitPattern: value)))
        what.withUTF8Buffer { text in for byte in text { mix(UInt64(byte)) } }
    }

    mutating func note(_ at: Moment, _ actor: Actor, named name: String) {
        mix(UInt64(bitPattern: at.nanoseconds) &+ actor.number)
        var bytes: UInt64 = 0
        for byte in name.utf8 { bytes = bytes &* 31 &+ UInt64(byte) }
        mix(bytes)
    }

    /// Something for people only.
    func say(_ at: Moment, _ actor: Actor, _ text: @autoclosure () -> String) {
        if let tell { tell(at, actor, text()) }
    }
}
