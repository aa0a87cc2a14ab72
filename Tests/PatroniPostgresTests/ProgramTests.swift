// Running programs: results, bounds, and that nothing survives a deadline or a cancellation.

import PatroniCore
import PatroniPlatform
import PatroniPostgres
import Testing

@Suite("Programs") struct ProgramTests {
    let programs = PostgresPrograms(binDirectory: "")

    func shell(_ script: String, by deadline: Moment = soon()) async throws(ProgramError) -> ProgramResult {
        try await programs.run("sh", ["-c", script], environment: ["X": "y z"], by: deadline)
    }

    @Test func `output, errors and the exit code come back`() async throws {
        let result = try await shell(#"echo "$X"; echo one >&2; echo two >&2; exit 4"#)
        #expect(result.output == "y z\n")
        #expect(result.ending == .exited(4) && !result.isSuccess)
        #expect(result.complaint == "two")
        #expect(try await shell("kill -9 $$").ending == .signalled(9))
        let echoed = try await programs.run("cat", [], input: "typed", by: soon())
        #expect(echoed.output == "typed")
    }

    @Test func `endless output is read but not kept`() async throws {
        let result = try await programs.run(
            "sh", ["-c", "head -c 10000000 /dev/zero; echo done >&2"], output: .captured(limit: 1000), by: soon())
        #expect(result.isSuccess && result.output.utf8.count == 1000 && result.errorOutput == "done\n")
    }

    @Test func `a program that is not there is an error with its name`() async {
        await #expect(throws: ProgramError.notStarted(executable: "no-such", reason: "there is no such program")) {
            try await programs.run("no-such", [], by: soon())
        }
        await #expect(throws: ProgramError.notStarted(executable: "/no/such", reason: "there is no such program")) {
            try await programs.run("/no/such", [], by: soon())
        }
    }

    @Test func `the deadline ends the program and what it started`() async throws {
        let begin = time.now
        await #expect(throws: ProgramError.timedOut(executable: "sh")) {
            try await shell("sleep 4242 & sleep 4242", by: begin + .milliseconds(200))
        }
        #expect(time.now - begin < .seconds(9), "SIGTERM was enough")
        #expect(await areGone("4242"))
    }

    @Test func `cancelling the task ends the program and what it started`() async throws {
        let running = Task { try await shell("sleep 4343 & sleep 4343", by: .distantFuture) }
        let end = soon()
        while sleepers("4343").count < 2, time.now < end { await time.sleep(until: time.now + .milliseconds(10)) }
        running.cancel()
        await #expect(throws: ProgramError.cancelled(executable: "sh")) { try await running.value }
        #expect(await areGone("4343"))
    }

    @Test func `a program that is killed takes what it started along`() async throws {
        let result = try await shell("sleep 4344 > /dev/null 2>&1 & kill -9 $$", by: soon())
        #expect(result.ending == .signalled(9))
        #expect(await areGone("4344"))
    }

    /// A signal takes a moment to arrive.
    func areGone(_ argument: String) async -> Bool {
        let end = soon()
        while time.now < end {
            if sleepers(argument).isEmpty { return true }
            await time.sleep(until: time.now + .milliseconds(10))
        }
        return false
    }

    func sleepers(_ argument: String) -> [ProcessEntry] {
        ProcessTable.all().filter { ProcessTable.commandLine(of: $0.pid) == ["sleep", argument] }
    }

    @Test func `names and directories make paths`() {
        var programs = PostgresPrograms(binDirectory: "/usr/lib/pg/", programNames: ["pg_ctl": "pg_ctl15"])
        #expect(programs.path(.controlCommand) == "/usr/lib/pg/pg_ctl15")
        #expect(programs.path(.initdb) == "/usr/lib/pg/initdb")
        programs.binDirectory = ""
        #expect(programs.path(.postgres) == "postgres")
    }

    @Test func `a program may write to our own output`() async throws {
        let result = try await programs.run("true", [], output: .inherited, by: soon())
        #expect(result.isSuccess && result.output.isEmpty)
    }
}
