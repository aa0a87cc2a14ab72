// Reading from etcd: from the watched copy when it is provably fresh, from a server otherwise (DCS-102).

import Logging
import PatroniCore
import PatroniHTTP
import PatroniPlatform
import PatroniPorts

extension Etcd3Backend {
    /// How long the stream may be silent before the copy is compared with a server's answer.
    private static var longestSilence: Duration { .seconds(5) }
    /// How long an event may follow its write.
    private static var eventDelay: Duration { .milliseconds(100) }

    func readAll(by deadline: Moment) async throws(StoreFailure) -> [String: StoredKey] {
        if isControl { return try await read(isSerializable: false, by: deadline).keys }
        startWatch()
        let patience = min(deadline, time.now + Self.eventDelay)
        while view.confirmedAt != nil, view.lacksOwnWrites, time.now < patience {
            await time.sleep(until: time.now + .milliseconds(2))
        }
        if view.isFresh(time.now, within: Self.longestSilence) { return view.keys }
        return try await readFromServer(by: deadline)
    }

    /// Reads, and brings the copy up to date with what was read.
    func readFromServer(by deadline: Moment) async throws(StoreFailure) -> [String: StoredKey] {
        let wasConfirmed = view.confirmedAt != nil
        let generation = streamNumber
        let least = view.minimum
        var read = try await read(isSerializable: true, by: deadline)
        var isNewest = false
        if read.revision < least {
            // This server is behind what we have seen; the majority decides what is true.
            read = try await self.read(isSerializable: false, by: deadline)
            isNewest = true
        }
        let hadGoneOn = (view.revision ?? 0) > read.revision
        if hadGoneOn, isNewest { restartWatch() }
        let changes = view.replace(read.keys, at: read.revision, isNewest: isNewest)
        for change in changes { news.yield(change) }
        if wasConfirmed, !changes.isEmpty {
            logger.info("etcd3: the watch missed \(changes.count) changes, starting it anew")
            restartWatch()
        } else if isStreaming, streamNumber == generation {
            view.confirm(time.now)
        }
        return hadGoneOn && !isNewest ? view.keys : read.keys
    }

    private func read(
        isSerializable: Bool, by deadline: Moment
    ) async throws(StoreFailure) -> (keys: [String: StoredKey], revision: Int64) {
        do throws(EtcdProblem) {
            let answer = try await call(
                "kv/range", EtcdRequest.range(path, isSerializable: isSerializable), by: deadline)
            guard let header = EtcdHeader(answer.json["header"]) else {
                throw .notDone(StoreFailure(.protocolViolation, "etcd3: an answer without header"))
            }
            var keys: [String: StoredKey] = [:]
            for entry in answer.json["kvs"]?.array ?? [] {
                guard let key = EtcdKey(entry), let name = path.relative(key.path) else { continue }
                keys[name] = key.stored
            }
            return (keys, header.revision)
        } catch {
            throw error.failure
        }
    }

    // MARK: the stream

    func startWatch() {
        guard watch == nil, !isClosed else { return }
        streamNumber += 1
        let number = streamNumber
        watch = Task { [weak self] in
            var failures = 0
            while !Task.isCancelled {
                guard let self else { return }
                failures = await self.runStream(number, failures)
                if failures > 0 { await self.pause(failures) }
            }
        }
    }

    func restartWatch() {
        stopWatching()
        startWatch()
    }

    func stopWatching() {
        watch?.cancel()
        watch = nil
        streamNumber += 1
        isStreaming = false
        view.doubt()
    }

    private func pause(_ failures: Int) async {
        await time.sleep(until: time.now + .milliseconds(min(1000, 50 << min(failures, 5))))
    }

    /// One connection's life. Returns how many connections in a row have failed.
    private func runStream(_ number: Int, _ failures: Int) async -> Int {
        let deadline = time.now + max(.seconds(1), timings.retryTimeout / 3)
        guard number == streamNumber, !isClosed else { return 0 }
        var heardSomething = false
        do throws(StoreFailure) {
            if view.revision == nil {
                _ = try await readFromServer(by: deadline)
                guard number == streamNumber else { return 0 }
            }
            let stream = try await openStream(failures, by: deadline)
            var reader = EtcdWatchReader(path)
            do throws(HTTPFailure) {
                try await stream.forEach { bytes in
                    for message in reader.feed(bytes) {
                        guard number == self.streamNumber, self.take(message) else { return false }
                        heardSomething = true
                    }
                    return true
                }
            } catch {
                throw StoreFailure(.unreachable, "etcd3 \(error)")
            }
            // An error that is no stream comes without the end of its line.
            for message in reader.finish() where number == streamNumber { _ = take(message) }
        } catch {
            if failures == 0, !Task.isCancelled { logger.debug("watch: \(error)") }
        }
        if number == streamNumber {
            isStreaming = false
            view.doubt()
        }
        return heardSomething ? 1 : failures + 1
    }

    private func openStream(_ failures: Int, by deadline: Moment) async throws(StoreFailure) -> HTTPStream {
        do throws(EtcdProblem) {
            watchGeneration = await gateway.generation
            return try await gateway.open(
                "watch", EtcdRequest.watch(path, from: (view.revision ?? 0) + 1), offset: failures, headBy: deadline)
        } catch {
            throw error.failure
        }
    }

    /// False when the stream is of no more use.
    private func take(_ message: EtcdWatchMessage) -> Bool {
        switch message {
        case .created: isStreaming = true
        case .progress: view.heard(time.now)
        case .events(let events):
            view.heard(time.now)
            for change in view.apply(events) { news.yield(change) }
        case .ended(let reason, let isCompacted):
            logger.info("etcd3: the watch ended: \(reason)")
            if isCompacted {
                view.forget()
                news.yield(.missedSome)
            }
            if reason.contains("permission denied") || reason.contains("auth token") { forgetToken() }
            return false
        case .refused(let refusal):
            logger.info("etcd3: the watch was refused: \(refusal.message)")
            if refusal.isCompacted {
                view.forget()
                news.yield(.missedSome)
            }
            if refusal.asksForToken { forgetToken() }
            return false
        case .garbage(let text):
            logger.warning("etcd3: the watch said something strange: \(text)")
            return false
        }
        return true
    }

    private func forgetToken() {
        let gateway = gateway
        Task { await gateway.forgetToken() }
    }
}
