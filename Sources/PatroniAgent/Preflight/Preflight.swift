// All checks, each as far as it goes: one that fails does not keep the others from looking.

import Logging
import PatroniConfiguration
import PatroniCore
import PatroniLoop
import PatroniPlatform
import PatroniPostgres

/// Looks, and changes nothing: no file, no key, no object.
struct Preflight: Sendable {
    let configuration: ConfigurationKeeper
    /// How long the store may take in all.
    let patience: Duration
    let time: any TimeSource

    var local: AgentConfiguration { configuration.local }
    var postgres: PostgresSettings { local.postgres }
    var programs: PostgresPrograms {
        PostgresPrograms(binDirectory: postgres.binDirectory, programNames: postgres.programNames)
    }

    init(_ configuration: ConfigurationKeeper, patience: Duration, time: any TimeSource = SystemTime()) {
        self.configuration = configuration
        self.patience = patience
        self.time = time
    }

    func run() async -> PreflightReport {
        async let store = storeFindings()
        let version = await programVersion()
        let server = await Postmaster.attach(
            dataDirectory: postgres.dataDirectory, programs: programs, by: time.now + .seconds(2), time: time)
        var findings = [configurationFinding, userFinding]
        findings.append(programFinding(version))
        findings += await offPool { directoryFindings(version) + placeFindings }
        findings.append(await postgresPortFinding(server))
        findings.append(await restPortFinding())
        findings.append(await offPool { watchdogFinding })
        let (ofStore, manifest) = await store
        return PreflightReport(findings + ofStore, manifest: manifest)
    }

    private var configurationFinding: Finding {
        if let obstacle = UnsupportedSettings.obstacle(local: configuration.tree) {
            return Finding("configuration", .bad, obstacle)
        }
        let warnings = configuration.warnings
        if warnings.isEmpty { return .good("configuration", "cluster \(local.scope), member \(local.name)") }
        return Finding("configuration", .doubtful, warnings.joined(separator: "; "))
    }

    var watchdogFinding: Finding {
        let section = configuration.tree["watchdog"]?.object ?? [:]
        let mode = section["mode"]?.string?.lowercased() ?? "automatic"
        let device = section["device"]?.string ?? "/dev/watchdog"
        if mode == "off" || section["mode"]?.bool == false {
            return .good("watchdog", "off")
        }
        let state =
            FileReading.exists(device) ? Machine.mayWrite(device) ? "is there" : "is not writable" : "is not there"
        return .good("watchdog", "\(device) \(state); this version does not use one, the lease alone ends a primary")
    }
}
