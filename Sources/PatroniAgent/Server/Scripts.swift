// The operator's programs as the agent calls them.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

/// Callbacks and hooks of one member; follows the configuration.
actor Scripts: RoleCallbacks {
    private let callbacks: Callbacks
    private let programs: PostgresPrograms
    private let time: any TimeSource
    private var settings: PostgresSettings

    init(_ configuration: AgentConfiguration, time: any TimeSource, logger: Logger) {
        settings = configuration.postgres
        self.time = time
        programs = PostgresPrograms(
            binDirectory: settings.binDirectory, programNames: settings.programNames)
        callbacks = Callbacks(
            scope: configuration.scope, commands: settings.callbacks, programs: programs, logger: logger)
    }

    func update(_ settings: PostgresSettings) async {
        self.settings = settings
        await callbacks.setCommands(settings.callbacks)
    }

    func started(as role: MemberRole) async { await callbacks.call(.onStart, role: role) }
    func stopped(as role: MemberRole) async { await callbacks.call(.onStop, role: role) }
    func restarted(as role: MemberRole) async { await callbacks.call(.onRestart, role: role) }
    func reloaded(as role: MemberRole) async { await callbacks.call(.onReload, role: role) }
    func roleChanged(to role: MemberRole) async { await callbacks.call(.onRoleChange, role: role) }

    func runPrePromote() async -> String? {
        switch await Hooks.allowsPromotion(settings.prePromote, programs, by: .distantFuture) {
        case .success: nil
        case .failure(let refusal): refusal.reason
        }
    }

    /// A hook that hangs must not keep a primary running: it gets half of the time there is, a minute at most.
    func runBeforeStop(stopDeadline: Moment?) async {
        let limit = time.now + .seconds(60)
        let half = stopDeadline.map { time.now + ($0 - time.now) / 2 } ?? limit
        await Hooks.beforeStop(settings.beforeStop, programs, by: min(half, limit))
    }

    func drain() async { await callbacks.drain() }
}
