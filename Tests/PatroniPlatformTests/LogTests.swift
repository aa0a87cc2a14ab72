// The log: Python's format, levels by name, files that rotate, a queue that never blocks.

import Glibc
import Logging
import PatroniCore
import Testing

@testable import PatroniPlatform

@Suite struct LogTests {
    static func record(_ message: String = "hello") -> LogRecord {
        LogRecord(
            time: WallTime(microseconds: 1_792_472_400_123_456), level: .warning, logger: "patroni.ha",
            file: "PatroniAgent/Loop.swift", line: 42, function: "turn(_:)", thread: 7, message: message)
    }

    @Test(arguments: [
        ("%(levelname)s: %(message)s", "WARNING: hello"),
        ("%(levelname)-8s|%(levelname)8s|", "WARNING | WARNING|"),
        ("[%(pathname)s:%(lineno)d - %(funcName)s]", "[PatroniAgent/Loop.swift:42 - turn]"),
        ("%(name)s %(module)s %(filename)s %(thread)d %(lineno)05d", "patroni.ha Loop Loop.swift 7 00042"),
        ("%(levelname).4s %(levelno)s", "WARN 30"),
        ("100%% %d %(unknown)s|%(x", "100% %d |%(x"),
        ("%(created).3f", "1792472400.123"),
    ])
    func `a line follows Python's format`(format: String, line: String) {
        #expect(LogFormat(format).line(Self.record()) == line)
    }

    @Test func `the time is 23 characters, so that the level begins in column 24`() {
        let line = LogFormat("%(asctime)s %(levelname)s [%(pathname)s]").line(Self.record())
        #expect(line.wholeMatch(of: #/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,123 WARNING \[PatroniAgent/Loop\.swift\]/#) != nil)
        #expect(line.dropFirst(24).hasPrefix("WARNING"))
    }

    @Test func `a date format replaces the time without milliseconds`() {
        #expect(LogFormat("%(asctime)s", dateFormat: "day %d").line(Self.record()).hasPrefix("day "))
    }

    @Test func `levels go by the logger's name`() {
        var options = LogOptions()
        options.level = "WARNING"
        options.loggers = ["patroni.postgresql": "DEBUG"]
        for (label, level) in [
            ("patroni", Logger.Level.warning), ("patroni.postgresql", .debug),
            ("patroni.postgresql.callback_executor", .debug), ("patroni.postgresqlx", .warning),
        ] {
            #expect(LogSystem.handler(label: label, options: options).0.logLevel == level)
        }
    }

    /// Logs `lines` lines into a fresh directory and returns its files.
    private func files(lines: Int, _ change: (inout LogOptions) -> Void) throws -> [String: String] {
        var template = Array("/tmp/patroni-log-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        var options = LogOptions()
        options.format = "%(message)s"
        options.directory = directory
        change(&options)
        let (handler, writer) = LogSystem.handler(label: "x", options: options)
        var logger = Logger(label: "x", factory: { _ in handler })
        logger.logLevel = .info
        for number in 0..<lines {
            logger.info("line \(number)")
            if number % 50 == 49 { writer.flush(by: SystemTime().now + .seconds(10)) }
        }
        writer.flush(by: SystemTime().now + .seconds(10))
        var result: [String: String] = [:]
        for name in ["patroni.log"] + (1...9).map({ "patroni.log.\($0)" }) {
            let path = directory + "/" + name
            guard let file = fopen(path, "r") else { continue }
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            let count = fread(&buffer, 1, buffer.count, file)
            fclose(file)
            result[name] = String(decoding: buffer[..<count], as: UTF8.self)
            unlink(path)
        }
        rmdir(directory)
        return result
    }

    @Test func `lines arrive whole and in order`() throws {
        let files = try files(lines: 500) { _ in }
        #expect(files == ["patroni.log": (0..<500).map { "line \($0)\n" }.joined()])
    }

    @Test func `a file that is full makes room for the next`() throws {
        let files = try files(lines: 300) {
            $0.fileSize = 500
            $0.fileCount = 2
        }
        #expect(files.keys.sorted() == ["patroni.log", "patroni.log.1", "patroni.log.2"])
        #expect(files.values.allSatisfy { $0.utf8.count < 500 })
        #expect(files["patroni.log"]?.hasSuffix("line 299\n") == true)
    }
}
