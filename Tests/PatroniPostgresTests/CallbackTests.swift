// The operator's scripts: what they are told, and which one is ended by which.

import PatroniCore
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite struct CallbackTests {
    /// Scripts that write into files of a directory.
    private func callbacks(_ directory: String, _ commands: [String: String]) -> Callbacks {
        Callbacks(
            scope: "batman", commands: commands, programs: PostgresPrograms(binDirectory: ""), logger: testLogger)
    }

    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = try makePostgresDirectory()
        defer { try? FileTree.remove(directory) }
        try await body(directory)
    }

    @Test func `a callback is told the action, the role and the cluster`() async throws {
        try await withDirectory { directory in
            let command = "/bin/sh -c 'echo \"$@\" >> \(directory)/log' sh first"
            let callbacks = callbacks(directory, ["on_start": command, "on_role_change": command])
            await callbacks.call(.onStart, role: .replica)
            await callbacks.drain()
            await callbacks.call(.onRoleChange, role: .promoted)
            await callbacks.drain()
            await callbacks.call(.onStop, role: .primary)
            await callbacks.drain()
            let log = try FileReading.text(directory + "/log")
            #expect(
                log
                    == "first on_start replica batman\nfirst on_role_change primary batman\n")
        }
    }

    @Test func `a new callback ends the running one with its children, a reload ends nobody`() async throws {
        try await withDirectory { directory in
            let slow = "/bin/sh -c 'echo begun >> \(directory)/log; sleep 60 & wait; echo survived >> \(directory)/log'"
            let quick = "/bin/sh -c 'echo quick $1 >> \(directory)/log' sh"
            let callbacks = callbacks(directory, ["on_start": slow, "on_reload": quick, "on_role_change": quick])
            await callbacks.call(.onStart, role: .replica)
            try await eventually("the slow one") { FileReading.exists(directory + "/log") }
            await callbacks.call(.onReload, role: .replica)
            try await eventually("the reload's") {
                try FileReading.text(directory + "/log").contains("quick on_reload")
            }
            await callbacks.call(.onRoleChange, role: .primary)
            await callbacks.drain()
            let log = try FileReading.text(directory + "/log")
            #expect(
                log == "begun\nquick on_reload\nquick on_role_change\n")
        }
    }

    @Test func `pre_promote may forbid the promotion`() async throws {
        let programs = PostgresPrograms(binDirectory: "")
        func verdict(_ command: String?) async -> Bool {
            switch await Hooks.allowsPromotion(command, programs, by: soon()) {
            case .success: true
            case .failure: false
            }
        }
        #expect(await verdict(nil))
        #expect(await verdict("/bin/true"))
        #expect(!(await verdict("/bin/false")))
        #expect(!(await verdict("/no/such/program")))
        #expect(!(await verdict("'open")))
    }
}
