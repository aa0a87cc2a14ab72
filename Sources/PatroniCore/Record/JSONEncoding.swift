// Any Codable value as our own JSON: the core writes its records itself, without a library.

extension JSON {
    /// The value as JSON, its fields in the order in which they are declared.
    public init(encoding value: some Encodable) throws {
        let node = EncodingNode()
        try node.write(value)
        self = node.json
    }

    private static let year10000: Int64 = 253_402_300_800_000_000

    /// Times as people read them; everything else as Swift writes it. ``JSON/decoded(_:)`` understands both.
    fileprivate static func readable(_ value: some Encodable) -> JSON? {
        switch value {
        case let json as JSON: json
        case let object as JSONObject: .object(object)
        case let moment as Moment: .int(moment.nanoseconds)
        case let time as WallTime where (0..<Self.year10000).contains(time.microseconds): .string(time.iso8601())
        case let duration as Duration where .nanoseconds(duration.inNanoseconds) == duration:
            .int(duration.inNanoseconds)
        default: nil
        }
    }
}

/// Whose elements come in an order that differs from one value to its equal.
private protocol Unordered {
    /// How many places in a list belong together: a dictionary whose keys are no texts is a list of keys and values.
    var stride: Int { get }
}

extension Dictionary: Unordered { fileprivate var stride: Int { 2 } }
extension Set: Unordered { fileprivate var stride: Int { 1 } }

/// A place in the tree that is being written; containers of one value share it.
private final class EncodingNode {
    private enum Content {
        case nothing
        case value(JSON)
        case array([EncodingNode])
        case object([(String, EncodingNode)])
    }

    private var content = Content.nothing

    var json: JSON {
        switch content {
        case .nothing: [:]
        case .value(let json): json
        case .array(let nodes): .array(nodes.map(\.json))
        case .object(let pairs): .object(JSONObject(pairs.map { ($0.0, $0.1.json) }))
        }
    }

    func write(_ value: some Encodable) throws {
        if let json = JSON.readable(value) {
            content = .value(json)
        } else {
            try value.encode(to: TreeEncoder(self))
            if let unordered = value as? any Unordered { sort(by: unordered.stride) }
        }
    }

    /// The same value is always written the same way.
    private func sort(by stride: Int) {
        switch content {
        case .nothing, .value: break
        case .object(let pairs): content = .object(pairs.sorted { $0.0 < $1.0 })
        case .array(let nodes):
            let groups = Swift.stride(from: 0, to: nodes.count, by: stride).map { start in
                (text: nodes[start].json.text(), nodes: nodes[start..<min(start + stride, nodes.count)])
            }
            content = .array(groups.sorted { $0.text < $1.text }.flatMap(\.nodes))
        }
    }

    func set(_ json: JSON) { content = .value(json) }

    /// Beyond what JSON readers agree on as a number: as text.
    func set(unsigned number: UInt64) { set(Int64(exactly: number).map(JSON.int) ?? .string(String(number))) }

    func becomeObject() { if case .nothing = content { content = .object([]) } }
    func becomeArray() { if case .nothing = content { content = .array([]) } }

    var count: Int { if case .array(let nodes) = content { nodes.count } else { 0 } }

    func child(_ key: String) -> EncodingNode {
        let node = EncodingNode()
        if case .object(let pairs) = content { content = .object(pairs + [(key, node)]) }
        return node
    }

    func next() -> EncodingNode {
        let node = EncodingNode()
        if case .array(let nodes) = content { content = .array(nodes + [node]) }
        return node
    }
}

private struct TreeEncoder: Encoder {
    let node: EncodingNode
    let codingPath: [any CodingKey] = []
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ node: EncodingNode) { self.node = node }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.becomeObject()
        return KeyedEncodingContainer(KeyedWriter<Key>(node: node))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.becomeArray()
        return ListWriter(node: node)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { ValueWriter(node: node) }
}

private struct KeyedWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: EncodingNode
    let codingPath: [any CodingKey] = []

    private func at(_ key: Key) -> EncodingNode { node.child(key.stringValue) }
    func encodeNil(forKey key: Key) { at(key).set(.null) }
    func encode(_ value: Bool, forKey key: Key) { at(key).set(.bool(value)) }
    func encode(_ value: String, forKey key: Key) { at(key).set(.string(value)) }
    func encode(_ value: Double, forKey key: Key) { at(key).set(.double(value)) }
    func encode(_ value: Float, forKey key: Key) { at(key).set(.double(Double(value))) }
    func encode(_ value: Int, forKey key: Key) { at(key).set(.int(Int64(value))) }
    func encode(_ value: Int8, forKey key: Key) { at(key).set(.int(Int64(value))) }
    func encode(_ value: Int16, forKey key: Key) { at(key).set(.int(Int64(value))) }
    func encode(_ value: Int32, forKey key: Key) { at(key).set(.int(Int64(value))) }
    func encode(_ value: Int64, forKey key: Key) { at(key).set(.int(value)) }
    func encode(_ value: UInt, forKey key: Key) { at(key).set(unsigned: UInt64(value)) }
    func encode(_ value: UInt8, forKey key: Key) { at(key).set(.int(Int64(value))) }
    func encode(_ value: UInt16, forKey key: Key) { at(key).set(.int(Int64(value))) }
    func encode(_ value: UInt32, forKey key: Key) { at(key).set(.int(Int64(value))) }
    func encode(_ value: UInt64, forKey key: Key) { at(key).set(unsigned: value) }
    func encode<T: Encodable>(_ value: T, forKey key: Key) throws { try at(key).write(value) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> { TreeEncoder(at(key)).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        TreeEncoder(at(key)).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { TreeEncoder(node.child("super")) }
    func superEncoder(forKey key: Key) -> any Encoder { TreeEncoder(at(key)) }
}

private struct ListWriter: UnkeyedEncodingContainer {
    let node: EncodingNode
    let codingPath: [any CodingKey] = []
    var count: Int { node.count }

    func encodeNil() { node.next().set(.null) }
    func encode(_ value: Bool) { node.next().set(.bool(value)) }
    func encode(_ value: String) { node.next().set(.string(value)) }
    func encode(_ value: Double) { node.next().set(.double(value)) }
    func encode(_ value: Float) { node.next().set(.double(Double(value))) }
    func encode(_ value: Int) { node.next().set(.int(Int64(value))) }
    func encode(_ value: Int8) { node.next().set(.int(Int64(value))) }
    func encode(_ value: Int16) { node.next().set(.int(Int64(value))) }
    func encode(_ value: Int32) { node.next().set(.int(Int64(value))) }
    func encode(_ value: Int64) { node.next().set(.int(value)) }
    func encode(_ value: UInt) { node.next().set(unsigned: UInt64(value)) }
    func encode(_ value: UInt8) { node.next().set(.int(Int64(value))) }
    func encode(_ value: UInt16) { node.next().set(.int(Int64(value))) }
    func encode(_ value: UInt32) { node.next().set(.int(Int64(value))) }
    func encode(_ value: UInt64) { node.next().set(unsigned: value) }
    func encode<T: Encodable>(_ value: T) throws { try node.next().write(value) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        TreeEncoder(node.next()).container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { TreeEncoder(node.next()).unkeyedContainer() }
    func superEncoder() -> any Encoder { TreeEncoder(node.next()) }
}

private struct ValueWriter: SingleValueEncodingContainer {
    let node: EncodingNode
    let codingPath: [any CodingKey] = []

    func encodeNil() { node.set(.null) }
    func encode(_ value: Bool) { node.set(.bool(value)) }
    func encode(_ value: String) { node.set(.string(value)) }
    func encode(_ value: Double) { node.set(.double(value)) }
    func encode(_ value: Float) { node.set(.double(Double(value))) }
    func encode(_ value: Int) { node.set(.int(Int64(value))) }
    func encode(_ value: Int8) { node.set(.int(Int64(value))) }
    func encode(_ value: Int16) { node.set(.int(Int64(value))) }
    func encode(_ value: Int32) { node.set(.int(Int64(value))) }
    func encode(_ value: Int64) { node.set(.int(value)) }
    func encode(_ value: UInt) { node.set(unsigned: UInt64(value)) }
    func encode(_ value: UInt8) { node.set(.int(Int64(value))) }
    func encode(_ value: UInt16) { node.set(.int(Int64(value))) }
    func encode(_ value: UInt32) { node.set(.int(Int64(value))) }
    func encode(_ value: UInt64) { node.set(unsigned: value) }
    func encode<T: Encodable>(_ value: T) throws { try node.write(value) }
}
