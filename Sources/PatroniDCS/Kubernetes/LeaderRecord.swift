// The lock as it stands in the leader object, and when it is to be believed (DCS-149, DCS-162). Pure values.

import PatroniCore

/// The lock's annotations, as they are written. Every renewal changes `renewTime`.
struct LeaderRecord: Sendable, Hashable {
    var leader: String?
    var ttl: String?
    var renewTime: String?
    var acquireTime: String?
    var transitions: String?

    init(_ annotations: [String: String]) {
        leader = annotations["leader"].flatMap { $0.isEmpty ? nil : $0 }
        ttl = annotations["ttl"]
        renewTime = annotations["renewTime"]
        acquireTime = annotations["acquireTime"]
        transitions = annotations["transitions"]
    }

    /// What `name` writes to take or keep the lock: the count goes up when it changes hands, the time of acquisition
    /// stays when it does not (DCS-163).
    static func claim(
        by name: String, over last: LeaderRecord?, ttl: Duration, at time: WallTime
    ) -> [KubernetesAnnotation] {
        let now = time.iso8601()
        let isSame = last?.leader == name
        let count = last?.transitions.flatMap { Int64($0) } ?? 0
        // A record that was never anybody's begins at zero.
        let wasSomebodys = last.map { $0.leader != nil || $0.acquireTime != nil } ?? false
        return [
            KubernetesAnnotation("leader", name),
            KubernetesAnnotation("ttl", String(max(1, ttl.wholeSeconds))),
            KubernetesAnnotation("renewTime", now),
            KubernetesAnnotation("acquireTime", isSame ? last?.acquireTime ?? now : now),
            KubernetesAnnotation("transitions", String(wasSomebodys && !isSame ? count + 1 : count)),
        ]
    }
}

/// An annotation to be written; nil deletes it (DCS-159).
struct KubernetesAnnotation: Sendable, Hashable {
    var name: String
    var value: String?

    init(_ name: String, _ value: String?) {
        self.name = name
        self.value = value
    }
}

/// The record as we saw it, and since when: clocks of other machines are not looked at. It is good for its ttl from the
/// moment when we first saw it in this form.
struct ObservedLeader: Sendable, Hashable {
    private(set) var record = LeaderRecord([:])
    private(set) var since: Moment?

    mutating func observe(_ annotations: [String: String], at now: Moment) {
        let seen = LeaderRecord(annotations)
        if seen == record, since != nil { return }
        record = seen
        since = now
    }

    /// The last moment at which the holder may lead; nil when nobody holds it.
    func end(ttl fallback: Duration) -> Moment? {
        guard record.leader != nil, let since else { return nil }
        let seconds = record.ttl.flatMap { Int64($0) } ?? 0
        return since + (seconds > 0 && seconds < 1_000_000 ? .seconds(seconds) : fallback)
    }

    /// Who leads; nil when nobody does or the record has expired.
    func holder(at now: Moment, ttl: Duration) -> String? {
        guard let end = end(ttl: ttl), now <= end else { return nil }
        return record.leader
    }
}
