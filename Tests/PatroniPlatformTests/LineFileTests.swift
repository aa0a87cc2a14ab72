// The bounded file of lines: what it keeps, and what it does when it can't.

import Dispatch
import Glibc
import PatroniCore
import PatroniPlatform
import Synchronization
import Testing

@Suite struct LineFileTests {
    private final class Heard: Sendable {
        let problems = Mutex<[String]>([])
        var all: [String] { problems.withLock { $0 } }
    }

    /// A file in a directory of its own, which goes afterwards.
    private func withFile(
        size: Int = 1000, _ body: (LineFile, String, Heard) throws -> Void
    ) throws {
        var template = Array("/tmp/lines-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        let heard = Heard()
        let path = "\(directory)/record"
        let file = LineFile(.init(path: path, size: size)) { problem in heard.problems.withLock { $0.append(problem) } }
        defer {
            for name in (try? FileReading.names(in: directory)) ?? [] { unlink("\(directory)/\(name)") }
            rmdir(directory)
        }
        try body(file, path, heard)
    }

    private func put(_ file: LineFile, _ lines: String...) {
        for line in lines { file.write { line } }
        file.flush(by: SystemTime().now + .seconds(10))
    }

    @Test func `lines are appended to what is there`() throws {
        try withFile { file, path, heard in
            put(file, "one", "two")
            put(file, "three")
            let text1 = try FileReading.text(path)
            #expect(text1 == "one\ntwo\nthree\n")
            #expect(heard.all.isEmpty)
        }
    }

    @Test func `a torn line stays alone`() throws {
        try withFile { file, path, _ in
            try DurableFile.write(path, "whole\nto")
            put(file, "next", "last")
            let text2 = try FileReading.text(path)
            #expect(text2 == "whole\nto\nnext\nlast\n")
        }
    }

    @Test func `one older file is kept, and both are bounded`() throws {
        try withFile(size: 1000) { file, path, _ in
            for number in 1...100 { put(file, String(repeating: "x", count: 95) + "\(number)") }
            let new = try FileReading.bytes(path)
            let old = try FileReading.bytes(path + ".1")
            #expect(new.count <= 1000 && old.count <= 1000 && old.count > 800)
            #expect(String(decoding: new, as: UTF8.self).hasSuffix("x100\n"))
            #expect(!FileReading.exists(path + ".2"))
        }
    }

    @Test func `a place that can't be written is told once, and again after it worked`() throws {
        try withFile { file, path, heard in
            file.use(.init(path: "/proc/nowhere/record", size: 1000))
            put(file, "lost")
            put(file, "lost", "too")
            #expect(heard.all.count == 1)
            #expect(heard.all.first?.contains("/proc/nowhere/record") == true)
            file.use(.init(path: path, size: 1000))
            put(file, "kept")
            let text3 = try FileReading.text(path)
            #expect(text3 == "kept\n")
            file.use(.init(path: "/dev/full", size: 1000))
            put(file, "lost")
            #expect(heard.all.count == 2)
        }
    }

    @Test func `a file that somebody moved away begins anew`() throws {
        try withFile { file, path, heard in
            put(file, "old")
            rename(path, path + ".mine")
            put(file, "new")
            let text4 = try FileReading.text(path)
            #expect(text4 == "new\n")
            #expect(heard.all.isEmpty)
        }
    }

    @Test func `switched off, it writes nothing and makes no line`() throws {
        try withFile { file, path, _ in
            file.use(nil)
            file.write {
                Issue.record("a line was made for nobody")
                return nil
            }
            file.flush(by: SystemTime().now + .seconds(1))
            #expect(!FileReading.exists(path))
        }
    }

    @Test func `more lines than can be written are dropped, and counted`() throws {
        try withFile(size: 1 << 20) { file, path, heard in
            let (begun, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            file.write {
                begun.signal()
                gate.wait()
                return "first"
            }
            begun.wait()
            for number in 1...1000 { file.write { "\(number)" } }
            gate.signal()
            file.flush(by: SystemTime().now + .seconds(10))
            put(file, "last")
            let lines = try FileReading.text(path).split(separator: "\n")
            #expect(lines.count == 1 + 256 + 1 && lines.last == "last")
            #expect(heard.all.count == 1)
        }
    }

    @Test func `the end of a file is read, however long it is`() throws {
        try withFile { _, path, _ in
            try DurableFile.write(path, String(repeating: "0123456789", count: 1000))
            let text5 = try FileReading.end(of: path, atMost: 5)
            #expect(text5 == Array("56789".utf8))
            let text6 = try FileReading.end(of: path, atMost: 20_000)
            #expect(text6.count == 10_000)
            #expect(throws: FileError.self) { try FileReading.end(of: path + ".none", atMost: 5) }
        }
    }
}
