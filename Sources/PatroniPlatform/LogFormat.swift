// A log line in Python's % format, because `log.format` is written that way (HA-347, HA-368, CFG-056).

import Glibc
import Logging
import PatroniCore

/// Everything a line can tell.
struct LogRecord: Sendable {
    var time: WallTime
    var level: Logger.Level
    var logger: String
    var file: String
    var line: UInt
    var function: String
    var thread: UInt
    var message: String

    /// Python has fewer levels.
    var levelName: String {
        switch level {
        case .trace, .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARNING"
        case .error: "ERROR"
        case .critical: "CRITICAL"
        }
    }

    fileprivate var levelNumber: Int {
        switch level {
        case .trace, .debug: 10
        case .info, .notice: 20
        case .warning: 30
        case .error: 40
        case .critical: 50
        }
    }

    fileprivate var fileName: String { file.lastIndex(of: "/").map { String(file[file.index(after: $0)...]) } ?? file }
}

/// A format taken apart once, used for every line.
struct LogFormat: Sendable {
    private enum Value: Sendable {
        case text(String)
        case whole(Int)
        case real(Double)
    }

    private enum Part: Sendable {
        case literal(String)
        case field(name: String, isLeft: Bool, isZero: Bool, width: Int, precision: Int?)
    }

    private let parts: [Part]
    private let dateFormat: String?

    /// Understands `%(name)s` with flags, width and precision, and `%%`; anything else stands for itself.
    init(_ format: String, dateFormat: String? = nil) {
        self.dateFormat = dateFormat
        var parts: [Part] = []
        var literal = ""
        var rest = Substring(format)
        while let character = rest.popFirst() {
            guard character == "%" else {
                literal.append(character)
                continue
            }
            if rest.first == "%" {
                rest.removeFirst()
                literal.append("%")
            } else if let (part, behind) = Self.field(rest) {
                parts += [.literal(literal), part]
                literal = ""
                rest = behind
            } else {
                literal.append("%")
            }
        }
        self.parts = parts + [.literal(literal)]
    }

    private static func field(_ text: Substring) -> (Part, Substring)? {
        guard text.first == "(", let end = text.firstIndex(of: ")") else { return nil }
        let name = String(text[text.index(after: text.startIndex)..<end])
        var rest = text[text.index(after: end)...]
        var isLeft = false
        var isZero = false
        while let flag = rest.first, "-0+ #".contains(flag) {
            isLeft = isLeft || flag == "-"
            isZero = isZero || flag == "0"
            rest.removeFirst()
        }
        func number() -> Int? {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            rest = rest.dropFirst(digits.count)
            return Int(digits)
        }
        let width = min(number() ?? 0, 1000)
        var precision: Int?
        if rest.first == "." {
            rest.removeFirst()
            precision = min(number() ?? 0, 1000)
        }
        guard let type = rest.popFirst(), "sdifr".contains(type) else { return nil }
        return (.field(name: name, isLeft: isLeft, isZero: isZero, width: width, precision: precision), rest)
    }

    /// The line, without a line break at its end.
    func line(_ record: LogRecord) -> String {
        var out = ""
        for part in parts {
            switch part {
            case .literal(let text): out += text
            case .field(let name, let isLeft, let isZero, let width, let precision):
                let text = text(of: value(name, record), precision)
                let missing = String(repeating: isZero && !isLeft ? "0" : " ", count: max(0, width - text.count))
                out += isLeft ? text + missing : missing + text
            }
        }
        return out
    }

    private func text(of value: Value, _ precision: Int?) -> String {
        switch value {
        case .text(let text): return precision.map { String(text.prefix($0)) } ?? text
        case .whole(let number): return String(number)
        case .real(let number):
            var scale = 1.0
            for _ in 0..<(precision ?? 6) { scale *= 10 }
            let whole = (number * scale).rounded(.toNearestOrEven)
            guard (precision ?? 6) > 0, abs(whole) < 9e18 else { return String(Int(clamping: Int64(number))) }
            let digits = Int(abs(whole)).padded((precision ?? 6) + 1)
            return (whole < 0 ? "-" : "") + digits.dropLast(precision ?? 6) + "." + digits.suffix(precision ?? 6)
        }
    }

    private func value(_ name: String, _ record: LogRecord) -> Value {
        switch name {
        case "asctime": .text(time(record.time))
        case "levelname": .text(record.levelName)
        case "levelno": .whole(record.levelNumber)
        case "message", "msg": .text(record.message)
        case "name": .text(record.logger)
        case "pathname": .text(record.file)
        case "filename": .text(record.fileName)
        case "module":
            .text(record.fileName.hasSuffix(".swift") ? String(record.fileName.dropLast(6)) : record.fileName)
        case "lineno": .whole(Int(clamping: record.line))
        case "funcName": .text(String(record.function.prefix { $0 != "(" }))
        case "process": .whole(Int(getpid()))
        case "processName": .text("MainProcess")
        case "thread": .whole(Int(clamping: record.thread))
        case "threadName": .text("Thread-\(record.thread)")
        case "created": .real(Double(record.time.microseconds) / 1e6)
        case "msecs":
            .real(Double(record.time.microseconds.quotientAndRemainder(dividingBy: 1_000_000).remainder) / 1e3)
        default: .text("")
        }
    }

    /// Local time: `2026-11-21 05:00:00,123`, or what the date format says, then without milliseconds.
    private func time(_ time: WallTime) -> String {
        var seconds = time_t(time.secondsSince1970)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 256)
        let length = strftime(&buffer, buffer.count, dateFormat ?? "%Y-%m-%d %H:%M:%S", &parts)
        let text = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if dateFormat != nil { return text }
        let milliseconds = (time.microseconds - time.secondsSince1970 * 1_000_000) / 1000
        return text + "," + Int(milliseconds).padded(3)
    }
}
