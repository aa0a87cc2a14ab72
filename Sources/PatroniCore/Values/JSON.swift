// A JSON value that keeps the order of its keys, because members of a cluster compare what they read as text.

/// A JSON document or a part of one.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

/// An object with its keys in the order in which they were written.
public struct JSONObject: Sendable, Hashable {
    public private(set) var pairs: [(key: String, value: JSON)] = []
    /// Where each key stands; empty in a small object, through which a look is quicker than a hash.
    private var places: [String: Int] = [:]

    private static let small = 16

    public init() {}

    /// Later pairs replace earlier ones of the same key, as Patroni's reader does.
    public init(_ pairs: some Sequence<(String, JSON)>) {
        for (key, value) in pairs { self[key] = value }
    }

    public var isEmpty: Bool { pairs.isEmpty }
    public var count: Int { pairs.count }
    public var keys: [String] { pairs.map(\.key) }

    private func place(of key: String) -> Int? {
        places.isEmpty ? pairs.firstIndex { $0.key == key } : places[key]
    }

    /// Setting `nil` removes the key; use `.null` to store a JSON null.
    public subscript(key: String) -> JSON? {
        get { place(of: key).map { pairs[$0].value } }
        set {
            switch (place(of: key), newValue) {
            case (let place?, let value?): pairs[place].value = value
            case (let place?, nil):
                pairs.remove(at: place)
                places = [:]
                index()
            case (nil, let value?):
                pairs.append((key, value))
                if places.isEmpty { index() } else { places[key] = pairs.count - 1 }
            case (nil, nil): break
            }
        }
    }

    private mutating func index() {
        guard pairs.count > Self.small else { return }
        for (place, pair) in pairs.enumerated() { places[pair.key] = place }
    }

    /// Equality ignores the order of keys, as JSON does.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        for place in left.pairs.indices {
            let (key, value) = left.pairs[place]
            // Nearly always in the same order.
            if right.pairs[place].key == key ? right.pairs[place].value != value : right[key] != value { return false }
        }
        return true
    }

    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for (key, value) in pairs {
            var own = Hasher()
            own.combine(key)
            own.combine(value)
            sum ^= own.finalize()
        }
        hasher.combine(sum)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(elements)
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
}

extension JSON {
    /// A string, or null.
    public init(_ text: String?) { self = text.map(JSON.string) ?? .null }

    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var isNull: Bool { self == .null }

    /// A whole number; a floating point number counts when it is whole.
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }

    public subscript(key: String) -> JSON? { object?[key] }
}
