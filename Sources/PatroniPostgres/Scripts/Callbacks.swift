// The operator's scripts that are told what happens: one at a time, the newest matters (section 21 of the HA ledger).

import Logging
import PatroniCore

/// The events that callbacks are told of.
public enum CallbackAction: String, Sendable, Hashable, CaseIterable {
    case onStart = "on_start"
    case onStop = "on_stop"
    case onRestart = "on_restart"
    case onReload = "on_reload"
    case onRoleChange = "on_role_change"
}

/// Runs callbacks without anybody waiting for them.
public actor Callbacks {
    private let scope: String
    private let programs: PostgresPrograms
    private let logger: Logger
    private var commands: [String: String]
    private var running: Task<Void, Never>?
    /// A reload ends no other callback, and no other callback ends it (HA-306, HA-406).
    private var reloading: Task<Void, Never>?

    /// `commands`: ``PostgresSettings/callbacks``.
    public init(scope: String, commands: [String: String], programs: PostgresPrograms, logger: Logger) {
        self.scope = scope
        self.commands = commands
        self.programs = programs
        self.logger = logger
    }

    /// The configuration was reloaded.
    public func setCommands(_ commands: [String: String]) { self.commands = commands }

    /// Starts `<command> <action> <role> <scope>`. A callback that still runs is ended first, with its children
    /// (HA-308).
    public func call(_ action: CallbackAction, role: MemberRole) {
        guard let command = commands[action.rawValue], !command.isEmpty else { return }
        guard let words = CommandWords(command) else {
            logger.error("callback \(action.rawValue): can't make out the words of: \(command)")
            return
        }
        let previous = action == .onReload ? reloading : running
        previous?.cancel()
        let arguments = words.arguments + [action.rawValue, role.callbackName, scope]
        let task = Task { [programs, logger] in
            // Never two at once: the new one begins when the old one is gone.
            await previous?.value
            await Self.run(programs, words.executable, arguments, logger)
        }
        if action == .onReload { reloading = task } else { running = task }
    }

    private static func run(
        _ programs: PostgresPrograms, _ executable: String, _ arguments: [String], _ logger: Logger
    ) async {
        do throws(ProgramError) {
            _ = try await programs.run(executable, arguments, output: .inherited, by: .distantFuture)
        } catch {
            if case .cancelled = error { return }
            logger.error("callback failed: \(error)")
        }
    }

    /// Waits until the callbacks that run now have ended; for tests and a clean end.
    public func drain() async {
        await running?.value
        await reloading?.value
    }
}

/// Scripts whose answer or end is waited for.
public enum Hooks {
    /// May the promotion go on? A script that fails says no (HA-309).
    public static func allowsPromotion(
        _ command: String?, _ programs: PostgresPrograms, by deadline: Moment
    ) async -> Result<Void, HookRefusal> {
        guard let command, !command.isEmpty else { return .success(()) }
        guard let words = CommandWords(command) else { return .failure(HookRefusal(reason: "malformed: \(command)")) }
        do throws(ProgramError) {
            let result = try await programs.run(
                words.executable, words.arguments, output: .inherited, by: deadline)
            if result.isSuccess { return .success(()) }
            return .failure(HookRefusal(reason: "pre_promote ended with \(result.ending)"))
        } catch {
            return .failure(HookRefusal(reason: "pre_promote: \(error)"))
        }
    }

    /// Runs before every stop; how it ends does not matter (HA-310).
    public static func beforeStop(_ command: String?, _ programs: PostgresPrograms, by deadline: Moment) async {
        guard let command, let words = CommandWords(command) else { return }
        _ = try? await programs.run(words.executable, words.arguments, output: .inherited, by: deadline)
    }
}

/// Why a script said no.
public struct HookRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    public var reason: String
    public var description: String { reason }
}
