// From libyaml's events to one value: anchors, aliases, merge keys, tags, and the bounds on all of them.

import PatroniCore

/// Builds one document.
struct Composer {
    /// A value and how many values it has inside, which is what an alias to it costs.
    private struct Node {
        var value: JSON
        var size: Int
    }

    private final class State {
        var anchors: [String: Node] = [:]
        /// Anchors of the collections being read right now: an alias to one of them would have no end.
        var open: Set<String> = []
    }

    private let reader: EventReader
    private let source: String
    private let state = State()

    init(bytes: [UInt8], source: String) {
        reader = EventReader(bytes: bytes, source: source)
        self.source = source
    }

    private func error(_ event: YAMLEvent, _ problem: String) -> YAMLError {
        YAMLError(source: source, line: event.line, column: event.column, problem: problem)
    }

    func document() throws(YAMLError) -> JSON {
        _ = try reader.next()
        if case .streamEnd = try reader.next().kind { return .null }
        let node = try node(try reader.next(), depth: 0)
        _ = try reader.next()
        let end = try reader.next()
        guard case .streamEnd = end.kind else { throw error(end, "expected one document, but there is another") }
        return node.value
    }

    private func node(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> Node {
        if depth > YAML.maximumDepth { throw error(event, "nested deeper than \(YAML.maximumDepth) levels") }
        if let anchor = event.anchor { state.open.insert(anchor) }
        let result: Node
        switch event.kind {
        case .alias(let name): return try alias(name, event)
        case .scalar(let text, let isPlain):
            result = Node(value: try scalar(text, isPlain: isPlain, event), size: 1 + text.utf8.count / 64)
        case .sequenceStart: result = try sequence(event, depth: depth)
        case .mappingStart: result = try mapping(event, depth: depth)
        default: throw error(event, "expected a value")
        }
        if result.size > YAML.maximumSize { throw error(event, "more than \(YAML.maximumSize) values") }
        if let anchor = event.anchor {
            state.open.remove(anchor)
            state.anchors[anchor] = result
        }
        return result
    }

    private func alias(_ name: String, _ event: YAMLEvent) throws(YAMLError) -> Node {
        if state.open.contains(name) { throw error(event, "alias '\(name)' stands inside what it means") }
        guard let node = state.anchors[name] else { throw error(event, "found undefined alias '\(name)'") }
        return node
    }

    private func scalar(_ text: String, isPlain: Bool, _ event: YAMLEvent) throws(YAMLError) -> JSON {
        guard let tag = event.tag else { return isPlain ? YAMLScalar.resolve(text) : .string(text) }
        let wanted = tag.hasPrefix(Self.standardTags) ? String(tag.dropFirst(Self.standardTags.count)) : tag
        let value: JSON?
        switch wanted {
        case "str", "timestamp": value = .string(text)
        case "null": value = .null
        case "bool": value = YAMLScalar.bool(text.lowercased()).map(JSON.bool)
        case "int": value = YAMLScalar.integer(text)
        case "float": value = YAMLScalar.float(text) ?? Double(text).map(JSON.double)
        default: throw error(event, "could not determine a constructor for the tag '\(tag)'")
        }
        guard let value else { throw error(event, "'\(text)' is no \(wanted)") }
        return value
    }

    private static let standardTags = "tag:yaml.org,2002:"

    private func requireTag(_ kinds: [String], _ event: YAMLEvent) throws(YAMLError) {
        guard let tag = event.tag, !kinds.contains(where: { tag == Self.standardTags + $0 }) else { return }
        throw error(event, "could not determine a constructor for the tag '\(tag)'")
    }

    private func sequence(_ start: YAMLEvent, depth: Int) throws(YAMLError) -> Node {
        try requireTag(["seq"], start)
        var values: [JSON] = []
        var size = 1
        while true {
            let event = try reader.next()
            if case .sequenceEnd = event.kind { return Node(value: .array(values), size: size) }
            let item = try node(event, depth: depth + 1)
            values.append(item.value)
            size += item.size
            if size > YAML.maximumSize { throw error(event, "more than \(YAML.maximumSize) values") }
        }
    }

    private func mapping(_ start: YAMLEvent, depth: Int) throws(YAMLError) -> Node {
        try requireTag(["map"], start)
        var own: [(String, JSON)] = []
        var merged: [(String, JSON)] = []
        var size = 1
        while true {
            let event = try reader.next()
            if case .mappingEnd = event.kind { break }
            let isMerge = event.isMergeKey
            let key = try node(event, depth: depth + 1)
            let valueEvent = try reader.next()
            let value = try node(valueEvent, depth: depth + 1)
            size += value.size + 1
            if size > YAML.maximumSize { throw error(event, "more than \(YAML.maximumSize) values") }
            if isMerge {
                merged += try pairsToMerge(value.value, valueEvent)
            } else {
                own.append((try text(ofKey: key.value, event), value.value))
            }
        }
        return Node(value: .object(JSONObject(merged + own)), size: size)
    }

    /// `<<: *one` or `<<: [*first, *second]`, where the first has the last word.
    private func pairsToMerge(_ value: JSON, _ event: YAMLEvent) throws(YAMLError) -> [(String, JSON)] {
        let sources = value.array ?? [value]
        var result: [(String, JSON)] = []
        for source in sources.reversed() {
            guard let object = source.object else {
                throw error(event, "expected a mapping or list of mappings for merging")
            }
            result += object.pairs.map { ($0.key, $0.value) }
        }
        return result
    }

    private func text(ofKey key: JSON, _ event: YAMLEvent) throws(YAMLError) -> String {
        switch key {
        case .string(let text): return text
        case .array, .object: throw error(event, "a list or a mapping can't be a key")
        default: return key.text()
        }
    }
}

extension YAMLEvent {
    fileprivate var isMergeKey: Bool {
        if case .scalar("<<", true) = kind { tag == nil } else { false }
    }
}
