// Waiting for what may never come.

import PatroniCore
import Testing

@testable import PatroniPlatform

@Suite struct WaitingTests {
    let time = SystemTime()

    @Test func `what does not end is left alone at the deadline and called off`() async {
        let end = time.now + .milliseconds(50)
        let wasCalledOff = PendingAnswer<Bool>()
        let answer = await abandoning(by: end) { () -> Int in
            while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
            wasCalledOff.give(true)
            return 1
        }
        #expect(answer == nil)
        #expect(time.now >= end)
        #expect(await wasCalledOff.value(by: time.now + .seconds(60), time: time) == true)
    }

    @Test func `what ends in time is not waited for any longer`() async {
        #expect(await abandoning(by: time.now + .seconds(3600)) { 7 } == 7)
    }

    @Test func `several wait for one answer, each no longer than it wants`() async {
        let answer = PendingAnswer<Int>()
        async let short = answer.value(by: time.now + .milliseconds(30), time: time)
        async let long = answer.value(by: time.now + .seconds(3600), time: time)
        #expect(await short == nil)
        answer.give(3)
        #expect(await long == 3)
        #expect(await answer.value(by: time.now - .seconds(1), time: time) == 3)
    }
}
