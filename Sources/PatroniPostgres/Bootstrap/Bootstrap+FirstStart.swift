// The first start after a bootstrap, and what is put right once the users are made (HA-061, HA-062).

import PatroniConfiguration
import PatroniCore
import PatroniPlatform

extension Bootstrap {
    /// What to write before the first start. A custom method's cluster is opened to this machine, recovers as the
    /// method says, and is without hot standby when it promotes by itself.
    public func firstConfiguration(_ parameters: Parameters) -> WantedConfiguration {
        let plan = plan
        var wanted = WantedConfiguration(parameters: parameters, recovery: plan.recovery)
        wanted.keepsExistingRecovery = plan.keepsExistingRecovery
        if plan.disablesHotStandby { wanted.parameters["hot_standby"] = "off" }
        if plan.isCustom { wanted.access = .trust }
        return wanted
    }

    /// After ``BootstrapUsers/create(_:hook:by:)``: the files of an ordinary primary. Afterwards reload, or restart when
    /// `hba_file` is elsewhere or hot standby was off; connections made without password are to be closed.
    public func finish(_ parameters: Parameters) async throws(BootstrapError) -> ConfigurationChange {
        let configuration = ServerConfiguration(server)
        do throws(FileError) {
            if plan.isCustom, server.settings.hba?.isEmpty != false {
                // Nobody configured the access rules: the restored cluster's own come back.
                let path = server.files.hostBasedAuthentication
                try await offPool { () throws(FileError) in try DurableFile.remove(path) }
                try await configuration.restoreFromBackups(parameters)
            }
            var change = try await configuration.apply(WantedConfiguration(parameters: parameters))
            if plan.isCustom { change.files.insert(.hostBasedAuthentication) }
            return change
        } catch { throw .file(error) }
    }
}
