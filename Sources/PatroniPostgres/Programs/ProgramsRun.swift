// One run of a program through swift-subprocess, in a session of its own so that nothing of it can be left behind.

import Glibc
import PatroniCore
import PatroniPlatform
import Subprocess
import Synchronization
import SystemPackage

struct ProgramRun: Sendable {
    /// How long SIGTERM may take before SIGKILL (HA-164).
    static let grace = Duration.seconds(10)

    let words: [String]
    let environment: [String: String]
    let input: String?
    let output: ProgramOutput

    private var executable: String { words[0] }

    private enum Outcome: Sendable {
        case ended(ProgramResult)
        case notStarted(String)
        case deadline
    }

    func result(by deadline: Moment) async throws(ProgramError) -> ProgramResult {
        let session = Session()
        let outcome = await withTaskGroup(of: Outcome.self) { group in
            group.addTask {
                do { return .ended(try await start(session)) } catch { return .notStarted(Self.reason(error)) }
            }
            group.addTask {
                await SystemTime().sleep(until: deadline)
                return .deadline
            }
            let first = await group.next() ?? .deadline
            group.cancelAll()
            // Leaving the group waits for the run, and that for the program's end.
            return first
        }
        switch outcome {
        case .ended(let result) where !Task.isCancelled:
            // A program that was killed could not end its helpers: pg_basebackup's would go on writing log files.
            if case .signalled = result.ending { await session.kill() }
            return result
        case .notStarted(let reason) where !Task.isCancelled:
            throw .notStarted(executable: executable, reason: reason)
        case .ended, .notStarted, .deadline: await session.kill()
        }
        if Task.isCancelled { throw .cancelled(executable: executable) }
        throw .timedOut(executable: executable)
    }

    /// The session that the program leads, to find what outlived it.
    private final class Session: Sendable {
        private let leader = Mutex<Int32?>(nil)

        func begin(_ pid: Int32) { leader.withLock { $0 = pid } }

        /// Returns when they are gone, so that the caller may remove or rewrite what they worked on.
        func kill() async {
            guard let session = leader.withLock({ $0 }) else { return }
            let members = await offPool { () -> [ProcessHandle] in
                ProcessTable.session(session).compactMap { ProcessHandle(pid: $0.pid) }
            }
            for member in members { _ = try? member.send(SIGKILL) }
            let end = SystemTime().now + .seconds(5)
            for member in members { _ = await member.waitForExit(by: end) }
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? SubprocessError else { return "\(error)" }
        if error.code == .executableNotFound { return "there is no such program" }
        return error.underlyingError.map { "\(Errno($0.rawValue))" } ?? "\(error)"
    }

    private var configuration: Configuration {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: Self.grace)]
        let overrides = Dictionary(
            environment.map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) },
            uniquingKeysWith: { $1 })
        return Configuration(
            executable: executable.contains("/") ? .path(FilePath(executable)) : .name(executable),
            arguments: Arguments(Array(words.dropFirst())), environment: .inherit.updating(overrides),
            platformOptions: options)
    }

    private func start(_ session: Session) async throws -> ProgramResult {
        if let input { return try await start(session, input: .string(input)) }
        return try await start(session, input: .none)
    }

    private func start(_ session: Session, input: some InputProtocol) async throws -> ProgramResult {
        switch output {
        case .captured(let limit):
            let result = try await Subprocess.run(configuration, input: input, output: .sequence, error: .sequence) {
                execution in
                session.begin(execution.processIdentifier.value)
                async let output = Self.collect(execution.standardOutput, limit)
                async let errors = Self.collect(execution.standardError, limit)
                return await (output, errors)
            }
            let (output, errors) = result.closureResult
            return ProgramResult(ending: Self.ending(result.terminationStatus), output: output, errorOutput: errors)
        case .inherited:
            let result = try await Subprocess.run(
                configuration, input: input, output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
                error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
            ) { session.begin($0.processIdentifier.value) }
            return ProgramResult(ending: Self.ending(result.terminationStatus), output: "", errorOutput: "")
        }
    }

    private static func ending(_ status: TerminationStatus) -> ProgramResult.Ending {
        switch status {
        case .exited(let code): .exited(code)
        case .signaled(let signal): .signalled(signal)
        }
    }

    /// Reads to the end, so that the program never waits for us, and keeps the beginning.
    /// A reading error is the end of the output: that the program ended is told apart from it.
    private static func collect(_ stream: SubprocessOutputSequence, _ limit: Int) async -> String {
        var bytes: [UInt8] = []
        do {
            for try await buffer in stream where bytes.count < limit {
                buffer.withUnsafeBytes { bytes += $0.prefix(limit - bytes.count) }
            }
        } catch {}
        return String(decoding: bytes, as: UTF8.self)
    }
}
