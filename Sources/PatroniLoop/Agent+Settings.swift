// New settings: from the store when it says something new, from the file on request.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts

extension Agent {
    /// Takes over the cluster's half. A bad one is refused as a whole and the one in force stays (HA-020, CFG-019).
    func adopt(_ stored: StoredConfiguration?) async {
        guard let stored, stored.version != adoptedVersion || stored.values != configuration.dynamic else { return }
        do throws(ConfigurationError) {
            let isNew = try configuration.adopt(stored.values)
            adoptedVersion = stored.version
            guard isNew else { return }
        } catch {
            log.error("the dynamic configuration in the store is refused, the last good one stays: \(error)")
            return
        }
        await settingsChanged(force: false)
    }

    /// Reads the file again and reloads PostgreSQL in any case (CFG-268 to CFG-275); new tags are published with the next
    /// turn (HA-343).
    func reload() async {
        isReloadRequested = false
        do throws(ConfigurationError) {
            let loader = configuration.loader
            let loaded = try await parts.surroundings.load(loader)
            if try configuration.adopt(loaded) {
                log.info("Reloading local configuration.")
            } else {
                log.info("No local configuration items changed.")
            }
        } catch {
            log.error("the configuration file is refused, the old configuration stays: \(error)")
        }
        await settingsChanged(force: true)
    }

    private func settingsChanged(force: Bool) async {
        for warning in configuration.warnings { log.warning("\(warning)") }
        let old = settings
        settings = configuration.cluster
        if old.ttl != settings.ttl || old.loopWait != settings.loopWait || old.retryTimeout != settings.retryTimeout {
            await parts.store.setTimings(
                ttl: settings.ttl, loopWait: settings.loopWait, retryTimeout: settings.retryTimeout)
        }
        await apply(configuration.local.postgres, force: force)
        if force { await applyToServices() }
        if force, look.status.running != nil { await parts.callbacks.reloaded(as: memory.role) }
    }

    /// A server that hangs gets its new settings later; the turn must go on.
    private func apply(_ postgres: PostgresSettings, force: Bool) async {
        let work = Task { [server = parts.server, settings] in
            await server.apply(postgres, cluster: settings, force: force)
        }
        if await abandoning(by: now + Self.applyLimit, time: parts.time, { await work.value }) == nil {
            log.warning("PostgreSQL takes its time with the new settings")
        }
    }

    private static let applyLimit: Duration = .seconds(5)

    /// Logging and the REST API follow the local file.
    private func applyToServices() async {
        parts.surroundings.configureLog(configuration.local.log.options)
        if let problem = await api?.follow(configuration.local.restAPI) {
            log.error("the REST API keeps its old settings: \(problem)")
        }
    }

    /// Not before there is a database: the directory must stay empty for initdb (CFG-288).
    func rememberDynamicConfiguration() async {
        guard let copy = configuration.copyToRemember, cluster?.configuration != nil, case .holds = look.directory,
            memory.role != .uninitialized, !isDirectoryChanging
        else { return }
        configuration.remembered(copy)
        if let error = await parts.surroundings.remember(copy, by: now + .seconds(1), time: parts.time) {
            log.warning("the dynamic configuration could not be remembered: \(error)")
        }
    }

    /// Files of ours would be in the way, or be lost. Any other job may last, and an agent that takes over from us must
    /// know what was decided meanwhile.
    private var isDirectoryChanging: Bool {
        switch job?.job {
        case .bootstrap, .bootstrapStandbyLeader, .clone, .reinitialize, .reinitializeFromLeader, .rewind: true
        case nil, .start, .promote, .demote, .restart, .follow, .checkDivergence, .copySlots: false
        }
    }
}
