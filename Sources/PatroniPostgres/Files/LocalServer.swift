// Which server all these files and tools are for: the settings, the version, and where its files are.

import PatroniConfiguration
import PatroniCore

/// This member's PostgreSQL as the configuration describes it. A plain value: make a new one after a reload.
public struct LocalServer: Sendable, Equatable {
    public var scope: String
    public var name: MemberName
    public var settings: PostgresSettings
    /// As in `server_version_num`; of a stopped server: the programs' version, or that of PG_VERSION when they differ.
    public var version: Int

    public init(scope: String, name: MemberName, settings: PostgresSettings, version: Int) {
        self.scope = scope
        self.name = name
        self.settings = settings
        self.version = version
    }

    public init(_ configuration: AgentConfiguration, version: Int) {
        self.init(
            scope: configuration.scope, name: configuration.name, settings: configuration.postgres, version: version)
    }

    public var files: ServerFiles { ServerFiles(settings) }

    /// Who may read what pg_rewind needs: the rewind user, or the superuser when there is none (HA-248).
    public var rewindUser: PostgresUser { settings.rewind ?? settings.superuser }
}

/// Where the files of one server are.
public struct ServerFiles: Sendable, Equatable {
    public var data: String
    public var configurationDirectory: String
    public var configuration: String
    public var baseConfiguration: String
    public var hostBasedAuthentication: String
    public var identityMap: String
    public var automaticConfiguration: String
    public var standbySignal: String
    public var recoverySignal: String
    public var wal: String
    public var archiveStatus: String

    public init(_ settings: PostgresSettings) {
        data = settings.dataDirectory
        configurationDirectory = settings.configDirectory.isEmpty ? data : settings.configDirectory
        configuration = "\(configurationDirectory)/\(settings.configBaseName).conf"
        baseConfiguration = "\(configurationDirectory)/\(settings.configBaseName).base.conf"
        hostBasedAuthentication = "\(configurationDirectory)/pg_hba.conf"
        identityMap = "\(configurationDirectory)/pg_ident.conf"
        automaticConfiguration = "\(data)/postgresql.auto.conf"
        standbySignal = "\(data)/standby.signal"
        recoverySignal = "\(data)/recovery.signal"
        wal = "\(data)/pg_wal"
        archiveStatus = "\(wal)/archive_status"
    }

    /// The copy inside the data directory from which a replica gets its configuration (CFG-257).
    public func backup(of file: String) -> String { "\(data)/\(Self.lastComponent(file)).backup" }

    static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map { String($0) } ?? path
    }
}
