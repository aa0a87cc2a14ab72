// New settings: from the store when it says something new, from the file on request.

import Logging
import PatroniAPI
import PatroniConfiguration
import PatroniCore
import PatroniDCS
import PatroniHTTP
import PatroniPlatform

extension Agent {
    /// Takes over the cluster's half. A bad one is refused as a whole and the one in force stays (CFG-019).
    func adopt(_ stored: StoredConfiguration?) async {
        guard let stored else { return }
        do throws(ConfigurationError) {
            guard try configuration.adopt(stored.values) else { return }
        } catch {
            log.error("the dynamic configuration in the store is refused, the last good one stays: \(error)")
            return
        }
        await settingsChanged(force: false)
        rememberDynamicConfiguration()
    }

    /// Reads the file again and reloads PostgreSQL in any case (CFG-268 to CFG-275).
    func reload() async {
        isReloadRequested = false
        do throws(ConfigurationError) {
            if try configuration.reload() {
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
        if old.isPaused, !settings.isPaused { memory.divergence = .unchecked }
        await parts.server.apply(configuration.local.postgres, cluster: settings, force: force)
        if force { await applyToServices() }
        if force, look.status.running != nil { await parts.callbacks.reloaded(as: memory.role) }
    }

    /// Logging and the REST API follow the local file.
    private func applyToServices() async {
        LogSystem.configure(configuration.local.log.options)
        do throws(ServerFailure) {
            try await api?.apply(configuration.local.restAPI)
        } catch { log.error("the REST API keeps its old settings: \(error)") }
    }

    /// Not before there is a database: the directory must stay empty for initdb (CFG-288).
    func rememberDynamicConfiguration() {
        guard case .holds = look.directory, memory.role != .uninitialized else { return }
        do throws(FileError) {
            try configuration.remember()
        } catch { log.warning("the dynamic configuration could not be remembered: \(error)") }
    }
}
