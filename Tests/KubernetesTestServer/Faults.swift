// What goes wrong on purpose: which requests are met, and what happens to them.

import PatroniCore

/// Which requests a fault meets. Nil means any.
public struct RequestPattern: Sendable, Hashable {
    public var method: String?
    /// `endpoints`, `pods`, `leases`...
    public var resource: String?
    public var name: String?
    /// The pod that asks.
    public var pod: String?
    /// The number of the API server, see ``KubernetesTestServer/nodes``.
    public var node: Int?
    /// True: watches only, false: all but watches.
    public var isWatch: Bool?

    public init(
        method: String? = nil, resource: String? = nil, name: String? = nil, pod: String? = nil, node: Int? = nil,
        isWatch: Bool? = nil
    ) {
        self.method = method
        self.resource = resource
        self.name = name
        self.pod = pod
        self.node = node
        self.isWatch = isWatch
    }

    public static let everything = RequestPattern()
    public static func patch(_ resource: String, _ name: String? = nil) -> RequestPattern {
        RequestPattern(method: "PATCH", resource: resource, name: name)
    }
    public static func get(_ resource: String, _ name: String? = nil) -> RequestPattern {
        RequestPattern(method: "GET", resource: resource, name: name, isWatch: false)
    }
    public static func post(_ resource: String) -> RequestPattern {
        RequestPattern(method: "POST", resource: resource)
    }
    public static func put(_ resource: String, _ name: String? = nil) -> RequestPattern {
        RequestPattern(method: "PUT", resource: resource, name: name)
    }
    public static func watch(_ resource: String? = nil) -> RequestPattern {
        RequestPattern(method: "GET", resource: resource, isWatch: true)
    }
    /// All that changes something.
    public static let writes = [
        RequestPattern(method: "PATCH"), RequestPattern(method: "POST"), RequestPattern(method: "PUT"),
        RequestPattern(method: "DELETE"),
    ]

    func matches(_ request: RequestRecord) -> Bool {
        method.map { $0 == request.method } ?? true && resource.map { $0 == request.resource } ?? true
            && name.map { $0 == request.name } ?? true && pod.map { $0 == request.pod } ?? true
            && node.map { $0 == request.node } ?? true && isWatch.map { $0 == request.isWatch } ?? true
    }
}

/// What happens to a request that a fault meets.
public enum Fault: Sendable {
    /// Refused with this status, not carried out. With `retryAfter` the header says so.
    case refuse(status: Int, reason: String? = nil, retryAfter: Int? = nil)
    /// 429 as the real server sends it when it has too much to do: plain text, `retry-after`.
    case throttle(retryAfter: Int = 1)
    /// Carried out, after a while.
    case delay(Duration)
    /// Carried out; then the connection is reset instead of an answer.
    case loseAnswer
    /// Carried out; then it says that it failed.
    case carryOutAndSay(status: Int)
    /// Carried out; no answer ever.
    case carryOutInSilence
    /// Not carried out; the connection is reset.
    case reset
    /// Not carried out; no answer ever.
    case silence
    /// Somebody else changes the same object a moment before; `patch` is a strategic merge patch.
    case changedBefore(JSON)
}

/// What a request looked like and how it was answered.
public struct RequestRecord: Sendable, Hashable {
    /// Counts all requests.
    public var number = 0
    public var node: Int
    public var pod: String?
    public var method: String
    public var path: String
    public var resource: String?
    public var name: String?
    public var isWatch: Bool
    /// 0 when there was no answer.
    public var status = 0
    public var at: Moment
    /// The body as it came.
    public var body = ""
}

/// Names a fault, to ask how often it was met or to end it.
public struct FaultID: Sendable, Hashable {
    let number: Int
}

struct FaultPlan: Sendable {
    private struct Entry: Sendable {
        var id: FaultID
        var patterns: [RequestPattern]
        var fault: Fault
        var times: Int?
    }

    private var entries: [Entry] = []
    private var met: [FaultID: Int] = [:]
    private var count = 0

    mutating func add(_ fault: Fault, _ patterns: [RequestPattern], times: Int?) -> FaultID {
        count += 1
        entries.append(Entry(id: FaultID(number: count), patterns: patterns, fault: fault, times: times))
        return FaultID(number: count)
    }

    mutating func remove(_ id: FaultID) { entries.removeAll { $0.id == id } }
    mutating func clear() { entries = [] }
    func timesMet(_ id: FaultID) -> Int { met[id] ?? 0 }

    /// The first fault that meets this request; it counts as used.
    mutating func next(for request: RequestRecord) -> Fault? {
        let index = entries.firstIndex { entry in
            entry.times != 0 && entry.patterns.contains { $0.matches(request) }
        }
        guard let index else { return nil }
        let entry = entries[index]
        met[entry.id, default: 0] += 1
        if let left = entry.times { entries[index].times = left - 1 }
        return entry.fault
    }
}
