// YAML 1.1 as PyYAML's safe loader understands it, read into JSON values with the order of keys kept.

import CYAML
import PatroniCore

/// Why a text is not the YAML we can use, and where.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file's path, or what else the text is.
    public let source: String
    /// Both count from 1.
    public let line: Int
    public let column: Int
    public let problem: String

    public var description: String { "\(source):\(line):\(column): \(problem)" }
}

/// Reading and writing YAML (CFG-033).
public enum YAML {
    /// How deep lists and mappings may nest.
    public static let maximumDepth = JSON.maximumDepth
    /// How many values a document may have after aliases are followed: a few lines of aliases can mean billions.
    public static let maximumSize = 1_000_000

    /// Reads one document; an empty text is null.
    public static func parse(_ text: String, source: String = "YAML text") throws(YAMLError) -> JSON {
        try parse(Array(text.utf8), source: source)
    }

    public static func parse(_ bytes: [UInt8], source: String = "YAML text") throws(YAMLError) -> JSON {
        let composer = Composer(bytes: bytes, source: source)
        return try composer.document()
    }
}

/// One step of libyaml's parser, copied out of its memory.
struct YAMLEvent {
    enum Kind {
        case streamStart
        case streamEnd
        case documentStart
        case documentEnd
        case alias(String)
        case scalar(text: String, isPlain: Bool)
        case sequenceStart
        case sequenceEnd
        case mappingStart
        case mappingEnd
        case nothing
    }

    var kind: Kind
    var anchor: String?
    /// The explicit tag, nil when there is none.
    var tag: String?
    var line: Int
    var column: Int
}

/// Owns libyaml's parser and the memory it reads from.
final class EventReader {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let source: String

    init(bytes: [UInt8], source: String) {
        self.source = source
        parser = .allocate(capacity: 1)
        input = .allocate(capacity: max(bytes.count, 1))
        _ = input.update(from: bytes)
        yaml_parser_initialize(parser)
        yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    func next() throws(YAMLError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        var result = YAMLEvent(
            kind: .nothing, line: Int(event.start_mark.line) + 1, column: Int(event.start_mark.column) + 1)
        switch event.type {
        case YAML_STREAM_START_EVENT: result.kind = .streamStart
        case YAML_STREAM_END_EVENT: result.kind = .streamEnd
        case YAML_DOCUMENT_START_EVENT: result.kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: result.kind = .documentEnd
        case YAML_ALIAS_EVENT: result.kind = .alias(Self.text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            result.kind = .scalar(
                text: String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
            result.anchor = Self.text(scalar.anchor)
            result.tag = Self.text(scalar.tag)
        case YAML_SEQUENCE_START_EVENT:
            result.kind = .sequenceStart
            result.anchor = Self.text(event.data.sequence_start.anchor)
            result.tag = Self.text(event.data.sequence_start.tag)
        case YAML_SEQUENCE_END_EVENT: result.kind = .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            result.kind = .mappingStart
            result.anchor = Self.text(event.data.mapping_start.anchor)
            result.tag = Self.text(event.data.mapping_start.tag)
        case YAML_MAPPING_END_EVENT: result.kind = .mappingEnd
        default: break
        }
        return result
    }

    private static func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? {
        guard let pointer else { return nil }
        let text = String(cString: pointer)
        return text == "!" ? nil : text
    }

    private func failure() -> YAMLError {
        let state = parser.pointee
        if state.error == YAML_READER_ERROR {
            return YAMLError(
                source: source, line: Int(state.mark.line) + 1, column: Int(state.mark.column) + 1,
                problem: "\(Self.words(state.problem)) (byte \(state.problem_offset))")
        }
        var problem = Self.words(state.problem)
        if let context = state.context { problem = "\(String(cString: context)), \(problem)" }
        let mark = state.problem_mark
        return YAMLError(source: source, line: Int(mark.line) + 1, column: Int(mark.column) + 1, problem: problem)
    }

    private static func words(_ pointer: UnsafePointer<CChar>?) -> String {
        pointer.map { String(cString: $0) } ?? "out of memory"
    }
}
