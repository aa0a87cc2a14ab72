// The streams: one for every kind of object, resumed where it broke off, begun anew when history was lost (DCS-168).

import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

/// One watch.
struct KubernetesStream: Sendable {
    /// What an earlier stream still says is not listened to.
    var number: Int
    var task: Task<Void, Never>
    /// A server accepted it and it has not ended.
    var isOpen = false
    /// When it last said something, or its copy was compared with the server.
    var heardAt: Moment?
}

/// One line of a watch.
enum KubernetesEvent: Sendable {
    case changed(KubernetesObject)
    case removed(name: String, version: KeyVersion)
    /// Nothing changed up to here.
    case bookmark(KeyVersion)
    /// The stream is of no more use; history is lost when the status is 410.
    case failed(KubernetesRefusal)
    case garbage

    init(_ json: JSON) {
        let object = json["object"] ?? .null
        switch json["type"]?.string {
        case "ADDED", "MODIFIED": self = KubernetesObject(object).map(KubernetesEvent.changed) ?? .garbage
        case "DELETED":
            self = KubernetesObject(object).map { .removed(name: $0.name, version: $0.version) } ?? .garbage
        case "BOOKMARK":
            let version = object["metadata"]?["resourceVersion"]?.string
            self = version.map { .bookmark(KeyVersion($0)) } ?? .garbage
        case "ERROR":
            self = .failed(
                KubernetesRefusal(
                    status: Int(clamping: object["code"]?.int ?? 500), message: object["message"]?.string ?? "no reason"
                ))
        default: self = .garbage
        }
    }
}

/// Cuts a stream into lines.
struct LineReader: Sendable {
    private var rest: [UInt8] = []
    /// Objects are 1.5 MiB at most.
    private static let limit = 8 << 20

    mutating func feed(_ bytes: [UInt8]) -> [[UInt8]] {
        rest += bytes
        var lines: [[UInt8]] = []
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            if end > 0 { lines.append(Array(rest[..<end])) }
            rest.removeSubrange(...end)
        }
        if rest.count > Self.limit { rest = [] }
        return lines
    }
}

extension KubernetesStore {
    func startWatching() {
        guard !isClosed else { return }
        for resource in watched where streams[resource] == nil { startWatch(resource) }
    }

    func restartWatch(_ resource: KubernetesResource) {
        streams[resource]?.task.cancel()
        startWatch(resource)
    }

    private func startWatch(_ resource: KubernetesResource) {
        let number = (streams[resource]?.number ?? 0) + 1
        let time = time
        let task = Task { [weak self] in
            var failures = 0
            while !Task.isCancelled {
                guard let wait = await self?.runStream(resource, number, &failures) else { return }
                await time.sleep(until: time.now + wait)
            }
        }
        streams[resource] = KubernetesStream(number: number, task: task)
    }

    private func isCurrent(_ resource: KubernetesResource, _ number: Int) -> Bool {
        !isClosed && streams[resource]?.number == number
    }

    /// One connection's life. Returns how long to wait before the next; nil: there is none.
    private func runStream(
        _ resource: KubernetesResource, _ number: Int, _ failures: inout Int
    ) async -> Duration? {
        guard isCurrent(resource, number) else { return nil }
        let deadline = time.now + max(.seconds(1), timings.retryTimeout / 3)
        do throws(StoreFailure) {
            if caches[resource]?.version == nil { try await list(resource, by: deadline) }
            guard isCurrent(resource, number) else { return nil }
            try await follow(resource, number, from: caches[resource]?.version ?? KeyVersion(0), by: deadline)
            failures = 0
        } catch {
            failures += 1
            if failures == 1, !Task.isCancelled { logger.debug("watch of \(resource.rawValue): \(error)") }
        }
        guard isCurrent(resource, number) else { return nil }
        streams[resource]?.isOpen = false
        streams[resource]?.heardAt = nil
        return .milliseconds(min(1000, 20 << min(failures, 6)))
    }

    private func follow(
        _ resource: KubernetesResource, _ number: Int, from version: KeyVersion, by deadline: Moment
    ) async throws(StoreFailure) {
        let call = KubernetesCall(
            path: resource.path(namespace),
            query: KubernetesQuery(
                ("labelSelector", names.selector), ("watch", "True"), ("resourceVersion", version.text),
                ("allowWatchBookmarks", "True")))
        let stream: HTTPStream
        do throws(KubernetesProblem) { stream = try await gateway.open(call, headBy: deadline) } catch {
            if case .refused(let refusal, _) = error, refusal.isGone { loseHistory(resource) }
            throw error.failure
        }
        guard isCurrent(resource, number) else { return }
        streams[resource]?.isOpen = true
        streams[resource]?.heardAt = time.now
        var reader = LineReader()
        do throws(HTTPFailure) {
            try await stream.forEach { bytes in
                for line in reader.feed(bytes) {
                    guard self.isCurrent(resource, number) else { return false }
                    let event = (try? JSON.parse(line)).map(KubernetesEvent.init) ?? .garbage
                    if !self.hear(event, of: resource) { return false }
                }
                return true
            }
        } catch {
            throw StoreFailure(.unreachable, "kubernetes \(error)")
        }
    }

    /// False when the stream is of no more use.
    private func hear(_ event: KubernetesEvent, of resource: KubernetesResource) -> Bool {
        streams[resource]?.heardAt = time.now
        switch event {
        case .changed(let object):
            caches[resource]?.advance(to: object.version)
            take(object, as: resource)
        case .removed(let name, let version):
            caches[resource]?.advance(to: version)
            if caches[resource]?.remove(name, at: version) == true { noteChanges() }
        case .bookmark(let version): caches[resource]?.advance(to: version)
        case .failed(let refusal):
            logger.info("kubernetes: the watch of \(resource.rawValue) ended: \(refusal.message)")
            // Whatever it is, a list puts it right.
            loseHistory(resource)
            return false
        case .garbage:
            logger.warning("kubernetes: the watch of \(resource.rawValue) said something strange")
            loseHistory(resource)
            return false
        }
        return true
    }

    private func loseHistory(_ resource: KubernetesResource) {
        caches[resource]?.loseHistory()
        news.yield(.missedSome)
    }
}
