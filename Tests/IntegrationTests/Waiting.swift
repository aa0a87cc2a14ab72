// Waiting for something to become true, with a deadline and a message that tells what was seen last.

struct NeverHappened: Error, CustomStringConvertible {
    var what: String
    var within: Duration
    var last: String
    var description: String { "not within \(within): \(what)\n  last seen: \(last)" }
}

/// Asks until `check` returns a value; an error counts as "not yet" and is told when time is over.
@discardableResult
func eventually<Value: Sendable>(
    _ what: String, within limit: Duration = .seconds(30), every pause: Duration = .milliseconds(150),
    _ check: @Sendable () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    var last = "nothing"
    while true {
        do {
            if let value = try await check() { return value }
            last = "not so"
        } catch {
            last = "\(error)"
        }
        if ContinuousClock.now > deadline { throw NeverHappened(what: what, within: limit, last: last) }
        try await Task.sleep(for: pause)
    }
}

/// Checks again and again, for all of `duration`, that something stays true.
func steadily(_ what: String, for duration: Duration, _ check: @Sendable () async throws -> Bool) async throws {
    let end = ContinuousClock.now + duration
    repeat {
        guard try await check() else {
            throw NeverHappened(what: "\(what), all the time", within: duration, last: "not so")
        }
        try await Task.sleep(for: .milliseconds(200))
    } while ContinuousClock.now < end
}
