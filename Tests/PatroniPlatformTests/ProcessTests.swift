// Processes: noticing their end, starting ones that outlive us, reading /proc.

import Glibc
import PatroniCore
import Testing

@testable import PatroniPlatform

@Suite("Processes") struct ProcessTests {
    let time = SystemTime()

    func start(_ words: String...) throws -> ProcessHandle {
        let executable = try #require(Machine.findProgram(words[0]))
        return try DetachedProcess.start(executable, Array(words.dropFirst()), environment: ["A": "b"])
    }

    /// Waits for a file that a program writes.
    func text(of path: String, until wanted: (String) -> Bool) async -> String {
        let end = time.now + .seconds(10)
        while true {
            let text = (try? FileReading.text(path)) ?? ""
            if wanted(text) || time.now > end { return text }
            await time.sleep(until: time.now + .milliseconds(10))
        }
    }

    @Test func `the end of a child is noticed and it leaves no zombie`() async throws {
        let process = try start("sh", "-c", "exit 3")
        #expect(await process.waitForExit(by: time.now + .seconds(10)))
        #expect(process.hasExited)
        #expect(process.exitStatus == 3 << 8)
        #expect(ProcessTable.entry(process.pid) == nil)
        #expect(ProcessHandle(pid: process.pid) == nil)
    }

    @Test func `a deadline ends the wait and leaves the process alone`() async throws {
        let process = try start("sleep", "60")
        let end = time.now + .milliseconds(50)
        #expect(await process.waitForExit(by: end) == false)
        #expect(time.now >= end)
        #expect(try process.send(SIGKILL))
        #expect(await process.waitForExit(by: time.now + .seconds(10)))
        #expect(process.exitStatus == SIGKILL)
        #expect(try process.send(SIGKILL) == false)
    }

    @Test func `somebody else's process is watched as well`() async throws {
        // The shell's child becomes an orphan that we have no relation to.
        let directory = try TemporaryDirectory()
        let file = directory.path + "/pid"
        _ = try start("sh", "-c", "sleep 60 & echo $! > \(file)")
        let line = await text(of: file) { $0.hasSuffix("\n") }
        let pid = try #require(Int32(line.split(separator: "\n").first ?? ""))
        let process = try #require(ProcessHandle(pid: pid))
        #expect(!process.hasExited)
        async let ended: Void = process.waitForExit()
        #expect(try process.send(SIGTERM))
        await ended
        #expect(process.hasExited)
        #expect(process.exitStatus == nil)
    }

    @Test func `a cancelled wait returns`() async throws {
        let process = try start("sleep", "60")
        let waiting = Task { await process.waitForExit() }
        waiting.cancel()
        await waiting.value
        #expect(!process.hasExited)
        #expect(try process.send(SIGKILL))
        await process.waitForExit()
    }

    @Test func `a detached program leads a session and inherits nothing`() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.path + "/out"
        let leak = open("/dev/null", O_RDONLY)
        defer { close(leak) }
        let script =
            "{ ls /proc/self/fd | tr '\\n' ' '; echo; grep -E 'Sig(Blk|Ign)' /proc/self/status; env; } > \(file)"
        let process = try start("sh", "-c", script + "; echo end >> \(file); sleep 60")
        #expect(ProcessTable.entry(process.pid)?.session == process.pid)
        let found = await text(of: file) { $0.hasSuffix("end\n") }
        #expect(found.hasPrefix("0 1 2 3 \n"), "3 is ls reading the directory: \(found)")
        // The C library keeps signals 32 and 33 for itself.
        for line in found.split(separator: "\n") where line.hasPrefix("Sig") {
            let signals = try #require(UInt64(line.split(separator: "\t")[1], radix: 16))
            #expect(signals & ~(3 << 31) == 0, "\(line)")
        }
        #expect(found.contains("\nA=b\n") && !found.contains("\nHOME="), "\(found)")
        for member in ProcessTable.session(process.pid) { kill(member.pid, SIGKILL) }
        await process.waitForExit()
        // A signal takes a moment to arrive.
        let end = time.now + .seconds(10)
        while !ProcessTable.session(process.pid).isEmpty, time.now < end {
            await time.sleep(until: time.now + .milliseconds(10))
        }
        #expect(ProcessTable.session(process.pid).isEmpty)
    }

    @Test func `a program that does not exist is an error with its name`() {
        #expect(throws: SpawnError(executable: "/no/such", cause: .notFound)) {
            try DetachedProcess.start("/no/such", [], environment: [:])
        }
    }

    @Test func `our own entry is right`() throws {
        let entry = try #require(ProcessTable.entry(Machine.processID))
        #expect(entry.isAlive)
        #expect(entry.parent == Machine.parentProcessID)
        let started = try #require(ProcessTable.startTime(of: entry))
        #expect(started < time.wallTime + .seconds(2))
        #expect(started + .seconds(3600) > time.wallTime)
        #expect(ProcessTable.workingDirectory(of: Machine.processID) != nil)
    }

    @Test func `an executor's thread runs an actor's work one after the other`() async {
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { await counter.add() } }
        }
        let (count, threads) = await (counter.count, counter.threads)
        #expect(count == 100)
        #expect(threads.count == 1)
    }

    @Test func `an executor's thread ends with its actor`() async {
        var counter: Counter? = Counter()
        await counter?.add()
        let thread = await counter?.threads.first ?? 0
        let path = "/proc/self/task/\(thread)"
        #expect(FileReading.exists(path))
        counter = nil
        let end = time.now + .seconds(10)
        while FileReading.exists(path), time.now < end { await time.sleep(until: time.now + .milliseconds(5)) }
        #expect(!FileReading.exists(path))
    }

    @Test func `a blocking call is left alone at its deadline`() async {
        let answer = await offPool(by: time.now + .milliseconds(30)) { () -> Int in
            usleep(300_000)
            return 1
        }
        #expect(answer == nil)
        #expect(await offPool(by: time.now + .seconds(10)) { 2 } == 2)
    }
}

private actor Counter {
    let executor = ThreadExecutor(name: "test")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    var count = 0
    var threads: Set<Int32> = []

    func add() {
        count += 1
        threads.insert(Machine.threadID)
    }

    deinit { executor.stop() }
}

/// A directory that disappears with the test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/patroni-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno.last }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileTree.remove(path) }
}
