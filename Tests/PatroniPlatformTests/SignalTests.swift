// Signals as values. One suite, as handlers belong to the whole process.

import Glibc
import PatroniPlatform
import Testing

@Suite("Signals", .serialized) struct SignalTests {
    @Test func `signals arrive in order, until nobody listens`() async throws {
        var received: [ProcessSignal] = []
        let stream = try SignalStream.start([.hangUp, .userOne])
        kill(Machine.processID, SIGHUP)
        for await signal in stream {
            received.append(signal)
            if signal == .userOne { break }
            kill(Machine.processID, SIGUSR1)
        }
        #expect(received == [.hangUp, .userOne])
    }

    @Test func `programs we start get the default action`() async throws {
        let stream = try SignalStream.start([.userTwo])
        let program = try #require(Machine.findProgram("sleep"))
        let process = try DetachedProcess.start(program, ["60"], environment: [:])
        #expect(try process.send(SIGUSR2))
        await process.waitForExit()
        #expect(process.exitStatus == SIGUSR2)
        withExtendedLifetime(stream) {}
    }
}
