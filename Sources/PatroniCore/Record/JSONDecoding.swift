// Codable values from our own JSON. Foreign input: whatever it says, this answers with a value or an error.

/// A value whose fields all have defaults. A record that was written before a field existed is read with its default.
protocol HasDefaults: Codable {
    static var blank: Self { get }
}

extension JSON {
    /// The value that this is a picture of.
    public func decoded<T: Decodable>(_ type: T.Type) throws(RecordError) -> T {
        do {
            return try TreeDecoder(self, []).value(type)
        } catch let error as DecodingError {
            throw RecordError(error.shortText)
        } catch {
            throw RecordError("\(error)")
        }
    }
}

/// A record that can't be read: what is wrong with it.
public struct RecordError: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

extension DecodingError {
    fileprivate var shortText: String {
        switch self {
        case .keyNotFound(let key, let context): "\(Self.place(context.codingPath)) lacks \(key.stringValue)"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            "\(Self.place(context.codingPath)): \(context.debugDescription)"
        @unknown default: "it can't be understood"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "the record" : path.map(\.stringValue).joined(separator: ".")
    }
}

private struct Step: CodingKey {
    var stringValue: String
    var intValue: Int?
    init(stringValue: String) { self.stringValue = stringValue }
    init(intValue: Int) {
        self.intValue = intValue
        stringValue = String(intValue)
    }
}

private struct TreeDecoder: Decoder {
    let json: JSON
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ json: JSON, _ path: [any CodingKey]) {
        self.json = json
        codingPath = path
    }

    func mismatch(_ wanted: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: codingPath, debugDescription: "expected \(wanted)"))
    }

    func value<T: Decodable>(_ type: T.Type) throws -> T {
        if let found = readable(type) { return found }
        do {
            return try T(from: self)
        } catch DecodingError.keyNotFound(let key, let context) {
            guard let kind = type as? any HasDefaults.Type, let filled = try filled(from: kind) else {
                throw DecodingError.keyNotFound(key, context)
            }
            return try T(from: filled)
        }
    }

    /// With the fields it lacks; nil when it lacks none.
    private func filled(from type: any HasDefaults.Type) throws -> TreeDecoder? {
        guard var object = json.object, let blank = try JSON(encoding: type.blank).object else { return nil }
        let missing = blank.pairs.filter { object[$0.key] == nil }
        for pair in missing { object[pair.key] = pair.value }
        return missing.isEmpty ? nil : TreeDecoder(.object(object), codingPath)
    }

    private func readable<T>(_ type: T.Type) -> T? {
        if type == JSON.self { return json as? T }
        if type == JSONObject.self { return json.object as? T }
        if type == Moment.self { return json.int.map(Moment.init(nanoseconds:)) as? T }
        if type == Duration.self { return json.int.map { Duration.nanoseconds($0) } as? T }
        if type == WallTime.self, let text = json.string, case .absolute(let time)? = WallTime.parse(text) {
            return time as? T
        }
        return nil
    }

    func integer<N: FixedWidthInteger>(_ type: N.Type) throws -> N {
        if let number = json.int.flatMap(N.init(exactly:)) ?? json.string.flatMap({ N($0) }) { return number }
        throw mismatch("a whole number")
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard let object = json.object else { throw mismatch("an object") }
        return KeyedDecodingContainer(KeyedReader<Key>(decoder: self, object: object))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard let values = json.array else { throw mismatch("a list") }
        return ListReader(decoder: self, values: values)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { ValueReader(decoder: self) }
}

private struct ValueReader: SingleValueDecodingContainer {
    let decoder: TreeDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool { decoder.json.isNull }
    func decode(_ type: Bool.Type) throws -> Bool {
        guard let value = decoder.json.bool else { throw decoder.mismatch("true or false") }
        return value
    }
    func decode(_ type: String.Type) throws -> String {
        guard let value = decoder.json.string else { throw decoder.mismatch("a text") }
        return value
    }
    func decode(_ type: Double.Type) throws -> Double {
        switch decoder.json {
        case .double(let value): return value
        case .int(let value): return Double(value)
        default: throw decoder.mismatch("a number")
        }
    }
    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
    func decode(_ type: Int.Type) throws -> Int { try decoder.integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer(type) }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try decoder.value(type) }
}

private struct KeyedReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: TreeDecoder
    let object: JSONObject
    var codingPath: [any CodingKey] { decoder.codingPath }
    var allKeys: [Key] { object.keys.compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { object[key.stringValue] != nil }

    private func at(_ key: Key) throws -> TreeDecoder {
        guard let json = object[key.stringValue] else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "missing"))
        }
        return TreeDecoder(json, codingPath + [key])
    }

    private func value(_ key: Key) throws -> ValueReader { ValueReader(decoder: try at(key)) }
    func decodeNil(forKey key: Key) throws -> Bool { try value(key).decodeNil() }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try value(key).decode(type) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try value(key).decode(type) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try value(key).decode(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try value(key).decode(type) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try value(key).decode(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try value(key).decode(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try value(key).decode(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try value(key).decode(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try value(key).decode(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try value(key).decode(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try value(key).decode(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try value(key).decode(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try value(key).decode(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try value(key).decode(type) }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try at(key).value(type) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { try at(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try at(key).unkeyedContainer()
    }
    func superDecoder() -> any Decoder { TreeDecoder(object["super"] ?? .null, codingPath) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try at(key) }
}

private struct ListReader: UnkeyedDecodingContainer {
    let decoder: TreeDecoder
    let values: [JSON]
    var currentIndex = 0

    init(decoder: TreeDecoder, values: [JSON]) {
        self.decoder = decoder
        self.values = values
    }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { values.count }
    var isAtEnd: Bool { currentIndex >= values.count }

    private mutating func next() throws -> TreeDecoder {
        guard !isAtEnd else { throw decoder.mismatch("a longer list") }
        defer { currentIndex += 1 }
        return TreeDecoder(values[currentIndex], codingPath + [Step(intValue: currentIndex)])
    }

    private mutating func value() throws -> ValueReader { ValueReader(decoder: try next()) }
    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, values[currentIndex].isNull else { return false }
        currentIndex += 1
        return true
    }
    mutating func decode(_ type: Bool.Type) throws -> Bool { try value().decode(type) }
    mutating func decode(_ type: String.Type) throws -> String { try value().decode(type) }
    mutating func decode(_ type: Double.Type) throws -> Double { try value().decode(type) }
    mutating func decode(_ type: Float.Type) throws -> Float { try value().decode(type) }
    mutating func decode(_ type: Int.Type) throws -> Int { try value().decode(type) }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try value().decode(type) }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try value().decode(type) }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try value().decode(type) }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try value().decode(type) }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try value().decode(type) }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try value().decode(type) }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try value().decode(type) }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try value().decode(type) }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try value().decode(type) }
    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try next().value(type) }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> { try next().container(keyedBy: type) }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { try next() }
}
