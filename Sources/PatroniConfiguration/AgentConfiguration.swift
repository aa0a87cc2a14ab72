// The local configuration as types: what the file and the environment said, checked.

import PatroniCore

/// One member's configuration. Made by ``ConfigurationLoader``; every value here has passed its check.
public struct AgentConfiguration: Sendable, Equatable {
    /// The cluster's name (`scope`).
    public var scope: String
    public var name: MemberName
    /// Without slashes; default `service`.
    public var namespace = "service"
    public var restAPI: RestAPISettings
    public var control = ControlSettings()
    public var postgres: PostgresSettings
    /// Nil: this member never creates a cluster (CFG-122).
    public var bootstrap: BootstrapSettings?
    public var store: StoreSettings
    public var log = LogSettings()
    public var flightRecord: FlightRecordSettings
    public var tags = Tags()

    public init(
        scope: String, name: MemberName, restAPI: RestAPISettings, postgres: PostgresSettings, store: StoreSettings
    ) {
        self.scope = scope
        self.name = name
        self.restAPI = restAPI
        self.postgres = postgres
        self.store = store
        flightRecord = FlightRecordSettings(path: postgres.dataDirectory + FlightRecordSettings.suffix)
    }
}

/// `flight_record`: what changed at this member, as lines of JSON.
public struct FlightRecordSettings: Sendable, Equatable {
    public var isEnabled = true
    /// Default: beside the log file, else beside the data directory, so that it outlives a copy made anew.
    public var path: String
    /// One older file is kept besides.
    public var size = 10_000_000

    static let suffix = ".flight.jsonl"

    public init(path: String) { self.path = path }
}

/// `restapi` (CFG-066 to CFG-081).
public struct RestAPISettings: Sendable, Equatable {
    /// Host empty or `*`: all addresses.
    public var listen: Endpoint
    public var connectAddress: Endpoint
    public var credentials: Credentials?
    /// Nil: plain HTTP.
    public var tls: ServerTLSSettings?
    public var allowlist: [String] = []
    public var allowlistIncludesMembers = false
    public var extraHeaders: [(name: String, value: String)] = []
    public var extraHeadersTLS: [(name: String, value: String)] = []
    /// Listen backlog; nil: the system's maximum.
    public var requestQueueSize: Int?
    /// `original`, `minimal` or `productonly`, lower-cased.
    public var serverTokens = "original"

    public init(listen: Endpoint, connectAddress: Endpoint) {
        self.listen = listen
        self.connectAddress = connectAddress
    }

    /// What other members are told (DCS-013).
    public var apiURL: String { "\(tls == nil ? "http" : "https")://\(connectAddress)/patroni" }

    public static func == (left: Self, right: Self) -> Bool {
        left.listen == right.listen && left.connectAddress == right.connectAddress
            && left.credentials == right.credentials && left.tls == right.tls && left.allowlist == right.allowlist
            && left.allowlistIncludesMembers == right.allowlistIncludesMembers
            && left.extraHeaders.elementsEqual(right.extraHeaders, by: ==)
            && left.extraHeadersTLS.elementsEqual(right.extraHeadersTLS, by: ==)
            && left.requestQueueSize == right.requestQueueSize && left.serverTokens == right.serverTokens
    }
}

public struct Credentials: Sendable, Equatable {
    public var username: String
    public var password: String

    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }
}

/// A certificate with its key, as files.
public struct TLSIdentity: Sendable, Equatable {
    public var certificateFile: String
    /// Nil: the key stands in the certificate's file.
    public var keyFile: String?
    public var keyPassword: String?

    public init(certificateFile: String, keyFile: String? = nil, keyPassword: String? = nil) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.keyPassword = keyPassword
    }
}

/// A certificate with its key, as they stand in the files.
public struct TLSIdentityText: Sendable, Equatable {
    public var certificate: [UInt8]
    public var key: [UInt8]

    public init(certificate: [UInt8], key: [UInt8]) {
        self.certificate = certificate
        self.key = key
    }
}

public struct ServerTLSSettings: Sendable, Equatable {
    public enum ClientVerification: String, Sendable, Equatable { case none, optional, required }

    public var identity: TLSIdentity
    public var clientAuthorities: String?
    public var verifyClient = ClientVerification.none
    public var ciphers: String?

    public init(identity: TLSIdentity) { self.identity = identity }
}

/// How we speak TLS to others: members' REST APIs, etcd.
public struct ClientTLSSettings: Sendable, Equatable {
    /// CA bundle; nil: the system's.
    public var authorities: String?
    public var identity: TLSIdentity?
    /// The CA bundle itself where there is no file (a kubeconfig's `certificate-authority-data`); wins over the file.
    public var authoritiesText: [UInt8]?
    /// Certificate and key themselves, both PEM.
    public var identityText: TLSIdentityText?
    /// False: any certificate will do (`ctl.insecure`, CFG-083; API-205).
    public var verifiesServer = true
    public var verifiesHostname = true

    public init() {}
}

/// `ctl` (CFG-082 to CFG-085), falling back to `restapi` where Patroni does.
public struct ControlSettings: Sendable, Equatable {
    public var credentials: Credentials?
    public var tls = ClientTLSSettings()
    public var isInsecure = false

    public init() {}
}

/// `postgresql` (CFG-086 to CFG-121). Dynamic values are already merged in where both may set one.
public struct PostgresSettings: Sendable, Equatable {
    /// As written: addresses, comma separated (`listen_addresses`).
    public var listenAddresses: String
    public var port: Int
    public var connectAddress: Endpoint
    public var proxyAddress: Endpoint?
    public var dataDirectory: String
    /// Default: the data directory.
    public var configDirectory: String
    public var configBaseName = "postgresql"
    /// Empty: found through PATH.
    public var binDirectory = ""
    /// Custom program names, `pg_ctl` → `pg_ctl15`.
    public var programNames: [String: String] = [:]
    /// Default `~/pgpass`.
    public var passfile: String
    public var database = "postgres"
    public var superuser = PostgresUser()
    public var replication = PostgresUser()
    /// Nil: the superuser rewinds.
    public var rewind: PostgresUser?
    /// GUC → value; local over dynamic, protected ones removed or checked (CFG-016 to CFG-023).
    public var parameters: JSONObject = [:]
    /// The GUCs that only Patroni sets, after checks (CFG-234 to CFG-248), without listen_addresses, port, cluster_name.
    public var controlledParameters: JSONObject = [:]
    /// Nil: pg_hba.conf is left alone.
    public var hba: [String]?
    public var ident: [String]?
    public var customConfigurationFile: String?
    public var recoveryConfiguration: JSONObject = [:]
    public var usesUnixSocket = false
    public var usesUnixSocketForReplication = false
    /// How long a start is waited for. Default 60 s.
    public var startTimeout: Duration = .seconds(60)
    public var callbacks: [String: String] = [:]
    /// In order; default `basebackup`.
    public var replicaMethods: [String] = ["basebackup"]
    /// Every other sub-section by name: replica methods with their `command` and options, `basebackup` options.
    public var methods: [String: JSON] = [:]
    public var prePromote: String?
    public var beforeStop: String?
    public var kerberosServiceName: String?

    public init(
        listenAddresses: String, port: Int, connectAddress: Endpoint, dataDirectory: String, passfile: String
    ) {
        self.listenAddresses = listenAddresses
        self.port = port
        self.connectAddress = connectAddress
        self.dataDirectory = dataDirectory
        self.configDirectory = dataDirectory
        self.passfile = passfile
    }
}

/// How somebody logs in to PostgreSQL (CFG-028).
public struct PostgresUser: Sendable, Equatable {
    /// Empty: the operating system's user (superuser only).
    public var username = ""
    public var password: String?
    /// sslmode, sslcert, … as libpq names them.
    public var options: [String: String] = [:]

    public init() {}
}

/// `bootstrap` (CFG-122 to CFG-132).
public struct BootstrapSettings: Sendable, Equatable {
    /// The initial dynamic configuration.
    public var dcs: JSONObject = [:]
    /// `initdb` or the name of a section in ``methods``.
    public var method = "initdb"
    public var initdb: [ToolOption] = []
    public var methods: [String: JSON] = [:]
    public var hba: [String] = []
    public var postBootstrap: String?

    public init() {}
}

/// `--name` or `--name=value` for initdb and pg_basebackup (CFG-047).
public struct ToolOption: Sendable, Hashable {
    public var name: String
    public var value: String?

    public init(_ name: String, _ value: String? = nil) {
        self.name = name
        self.value = value
    }

    public var argument: String { value.map { "--\(name)=\($0)" } ?? "--\(name)" }
}

/// Which store, and how to reach it.
public enum StoreSettings: Sendable, Equatable {
    case etcd3(Etcd3Settings)
    case embedded(EmbeddedStoreSettings)
    case kubernetes(KubernetesSettings)
}

/// `etcd3` (CFG-134 to CFG-144).
public struct Etcd3Settings: Sendable, Equatable {
    public var endpoints: [Endpoint]
    public var usesTLS = false
    public var tls = ClientTLSSettings()
    public var credentials: Credentials?
    /// True: never replace the list by what the servers announce (`use_proxies`, `proxy`).
    public var usesFixedList = false

    public init(endpoints: [Endpoint]) { self.endpoints = endpoints }
}

/// `embedded`: one SQLite file shared by the members on one machine.
public struct EmbeddedStoreSettings: Sendable, Equatable {
    public var path: String
    public init(path: String) { self.path = path }
}

/// `log` (CFG-053 to CFG-065).
public struct LogSettings: Sendable, Equatable {
    /// DEBUG, INFO, WARNING, ERROR or CRITICAL.
    public var level = "INFO"
    /// Python's `%` format.
    public var format = "%(asctime)s %(levelname)s: %(message)s"
    public var dateFormat: String?
    /// Nil: standard error.
    public var directory: String?
    public var fileSize = 25_000_000
    public var fileCount = 4
    /// How many lines may wait to be written.
    public var maximumQueueSize = 1000
    public var mode: Int?
    public var loggers: [String: String] = [:]
    public var deduplicatesHeartbeats = false

    public init() {}
}
