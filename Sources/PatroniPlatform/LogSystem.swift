// swift-log as Patroni logs: one format, levels by logger's name, changed at any time (CFG-053 to CFG-065).

import Glibc
import Logging
import PatroniCore
import Synchronization

/// How to log.
public struct LogOptions: Sendable, Equatable {
    /// DEBUG, INFO, WARNING, ERROR or CRITICAL.
    public var level = "DEBUG"
    /// Levels of single loggers and everything below them: `a.b` speaks for `a.b.c` too.
    public var loggers: [String: String] = [:]
    public var format = "%(asctime)s %(levelname)s: %(message)s"
    public var dateFormat: String?
    /// Nil: standard error.
    public var directory: String?
    public var fileSize = 25_000_000
    public var fileCount = 4
    public var mode: Int?
    public var maximumQueueSize = 1000

    public init() {}
}

/// The process's log.
public enum LogSystem {
    private static let shared = SharedLog()

    /// Makes every `Logger(label:)` of this process write here. Everything is logged until ``configure(_:)`` says
    /// otherwise (CFG-054). Call once, first thing.
    public static func bootstrap(_ options: LogOptions = LogOptions()) {
        configure(options)
        LoggingSystem.bootstrap { label in PatroniLogHandler(label: label, log: shared) }
        atexit { LogSystem.flush(within: .seconds(2)) }
    }

    /// From now on; lines already queued keep their form.
    public static func configure(_ options: LogOptions) { shared.configure(options) }

    /// Waits until the queue is written; called by itself when the process ends by `exit`.
    public static func flush(within limit: Duration) { shared.writer.flush(by: SystemTime().now + limit) }

    /// A logger outside of swift-log's bootstrap, for tests.
    static func handler(label: String, options: LogOptions) -> (PatroniLogHandler, LogWriter) {
        let log = SharedLog()
        log.configure(options)
        return (PatroniLogHandler(label: label, log: log), log.writer)
    }
}

/// What all handlers share.
final class SharedLog: Sendable {
    struct State {
        var root = Logger.Level.debug
        var loggers: [String: Logger.Level] = [:]
        var format = LogFormat(LogOptions().format)
    }

    let writer = LogWriter()
    private let state = Mutex(State())

    func configure(_ options: LogOptions) {
        var target = LogTarget(directory: options.directory)
        target.fileSize = options.fileSize
        target.fileCount = options.fileCount
        target.mode = options.mode
        writer.configure(target: target, limit: max(1, options.maximumQueueSize))
        state.withLock { state in
            state.root = Self.level(options.level) ?? .info
            state.loggers = options.loggers.compactMapValues(Self.level)
            state.format = LogFormat(options.format, dateFormat: options.dateFormat)
        }
    }

    private static func level(_ name: String) -> Logger.Level? {
        switch name.uppercased() {
        case "DEBUG", "NOTSET": .debug
        case "INFO": .info
        case "WARN", "WARNING": .warning
        case "ERROR": .error
        case "FATAL", "CRITICAL": .critical
        default: nil
        }
    }

    /// The level of the logger itself or of the nearest one above it.
    func level(of label: String) -> Logger.Level {
        state.withLock { state in
            if state.loggers.isEmpty { return state.root }
            var name = Substring(label)
            while true {
                if let level = state.loggers[String(name)] { return level }
                guard let dot = name.lastIndex(of: ".") else { return state.root }
                name = name[..<dot]
            }
        }
    }

    func write(_ record: LogRecord) {
        let format = state.withLock { $0.format }
        writer.write(format.line(record))
    }
}

/// One logger.
struct PatroniLogHandler: LogHandler {
    let label: String
    let log: SharedLog
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    /// Set by code that holds the logger; wins over the configuration.
    private var ownLevel: Logger.Level?

    init(label: String, log: SharedLog) {
        self.label = label
        self.log = log
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? log.level(of: label) }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var text = event.message.description
        if let error = event.error { text += ": \(error)" }
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
        log.write(
            LogRecord(
                time: SystemTime().wallTime, level: event.level, logger: label, file: event.file, line: event.line,
                function: event.function, thread: UInt(pthread_self()), message: text))
    }
}
