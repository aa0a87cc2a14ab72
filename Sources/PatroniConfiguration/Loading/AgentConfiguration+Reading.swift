// From the tree to the types the agent works with.

import PatroniCore

extension AgentConfiguration {
    /// Checks everything that stands in `tree`, then reads it; `dynamic` is what the store's `config` key says, of
    /// which the `postgresql` section counts here (CFG-013). Nothing is touched but memory.
    public init(local tree: JSONObject, dynamic: JSONObject = [:], home: String? = nil) throws(ConfigurationError) {
        let tree = LegacyForms.rewritten(tree)
        try Self.check(tree)
        let reader = TreeReader(tree)
        let store = try StoreSettings(tree: tree)
        guard let scope = reader.text("scope"), let name = reader.text("name"),
            let listen = reader.address("restapi.listen")
        else { throw ConfigurationError("scope, name and restapi.listen are required") }
        self.init(
            scope: scope, name: MemberName(name), restAPI: RestAPISettings(reader, listen: listen),
            postgres: try PostgresSettings(local: tree, dynamic: dynamic, home: home), store: store)
        namespace = reader.namespace
        control = ControlSettings(reader, isInsecure: true)
        bootstrap = tree["bootstrap"].map { BootstrapSettings(reader, $0.object ?? JSONObject()) }
        log = LogSettings(reader)
        flightRecord = FlightRecordSettings(reader, log: log, dataDirectory: postgres.dataDirectory)
        tags = Tags(reader.table("tags"))
    }

    /// Every problem of the local configuration, required settings first.
    private static func check(_ tree: JSONObject) throws(ConfigurationError) {
        var problems: [String] = []
        for setting in Schema.local where setting.isRequired {
            if case .missing = tree.look(at: setting.keys) {
                problems.append("\(setting.path) is not defined: \(setting.help)")
            }
        }
        problems += Schema.problems(in: tree, settings: Schema.local)
        if let dcs = tree.value("bootstrap.dcs")?.object {
            problems += Schema.problems(in: dcs, settings: Schema.dynamic.withoutRanges, prefix: "bootstrap.dcs.")
        }
        if tree["bootstrap"]?.isFalsy == false, tree["bootstrap"]?.object == nil {
            problems.append("bootstrap: expected names with values")
        }
        for option in tree.value("bootstrap.initdb").flatMap(ToolOption.read) ?? []
        where ["pgdata", "nosync", "pwfile", "sync-only", "version"].contains(option.name) {
            problems.append("bootstrap.initdb: the option \(option.name) is not allowed, it is set by the agent")
        }
        if tree.value("postgresql.authentication") != nil,
            tree.value("postgresql.authentication.replication.username") == nil
        {
            problems.append("postgresql.authentication.replication.username is not defined: \(replicationHelp)")
        }
        if !problems.isEmpty { throw ConfigurationError(problems) }
    }

    private static let replicationHelp = "The user that standbys connect as."

    /// Contradictions between a boolean tag and its priority, for the log (CFG-034).
    public var tagWarnings: [String] {
        [("nofailover", "failover_priority"), ("nosync", "sync_priority")].compactMap { flag, priority in
            guard let value = tags.values[flag],
                let number = tags.values[priority].flatMap({ SettingNumber.whole($0) })
            else { return nil }
            if value.isFalsy ? number > 0 : number <= 0 { return nil }
            return "Conflicting configuration between \(flag): \(value.pythonText) and \(priority): \(number)."
                + " Defaulting to \(flag): \(value.pythonText)"
        }
    }
}

extension [Setting] {
    /// For values that are corrected later instead of refused (CFG-206): only their type is checked.
    var withoutRanges: [Setting] {
        map { setting in
            guard case .whole(_, let unit) = setting.kind else { return setting }
            return setting.with(kind: .whole(.min ... .max, unit: unit))
        }
    }
}

extension TreeReader {
    var namespace: String {
        let bare = (text("namespace") ?? "").split(separator: "/").joined(separator: "/")
        return bare.isEmpty ? "service" : bare
    }
}

extension RestAPISettings {
    init(_ reader: TreeReader, listen: Endpoint) {
        self.init(listen: listen, connectAddress: reader.address("restapi.connect_address") ?? listen)
        credentials = reader.credentials("restapi.authentication")
        if let certificate = reader.nonEmpty("restapi.certfile") {
            var tls = ServerTLSSettings(
                identity: TLSIdentity(
                    certificateFile: certificate, keyFile: reader.nonEmpty("restapi.keyfile"),
                    keyPassword: reader.nonEmpty("restapi.keyfile_password")))
            tls.clientAuthorities = reader.nonEmpty("restapi.cafile")
            tls.ciphers = reader.nonEmpty("restapi.ciphers")
            if let word = reader.text("restapi.verify_client")?.lowercased() {
                tls.verifyClient = ServerTLSSettings.ClientVerification(rawValue: word) ?? .none
            }
            self.tls = tls
        }
        allowlist = reader.list("restapi.allowlist") ?? []
        allowlistIncludesMembers = reader.flag("restapi.allowlist_include_members")
        extraHeaders = reader.texts(in: "restapi.http_extra_headers")
        extraHeadersTLS = reader.texts(in: "restapi.https_extra_headers")
        requestQueueSize = reader.whole("restapi.request_queue_size")
        serverTokens = (reader.text("restapi.server_tokens") ?? "original").lowercased()
    }
}

extension ControlSettings {
    /// The agent asks other members without checking who they are (CFG-083), `patronictl` as configured. A client
    /// certificate turns the check on in any case, then only the host's name is not looked at (CFG-085).
    init(_ reader: TreeReader, isInsecure: Bool) {
        self.init()
        self.isInsecure = isInsecure
        credentials = reader.credentials("ctl.authentication") ?? reader.credentials("restapi.authentication")
        tls.authorities = reader.nonEmpty("ctl.cacert") ?? reader.nonEmpty("restapi.cafile")
        if let certificate = reader.nonEmpty("ctl.certfile") {
            tls.identity = TLSIdentity(
                certificateFile: certificate, keyFile: reader.nonEmpty("ctl.keyfile"),
                keyPassword: reader.nonEmpty("ctl.keyfile_password"))
        }
        tls.verifiesServer = !isInsecure || tls.identity != nil
        tls.verifiesHostname = !isInsecure
    }
}

extension BootstrapSettings {
    init(_ reader: TreeReader, _ section: JSONObject) {
        self.init()
        dcs = reader.table("bootstrap.dcs")
        initdb = reader.options("bootstrap.initdb")
        hba = reader.lines("bootstrap.pg_hba") ?? []
        postBootstrap = reader.nonEmpty("bootstrap.post_bootstrap") ?? reader.nonEmpty("bootstrap.post_init")
        let known = Set(Schema.bootstrap.compactMap { $0.keys.last })
        for (name, value) in section.pairs where !known.contains(name) && value.object != nil { methods[name] = value }
        let wanted = reader.text("bootstrap.method") ?? "initdb"
        if methods[wanted]?["command"] != nil { method = wanted }
    }
}

extension FlightRecordSettings {
    init(_ reader: TreeReader, log: LogSettings, dataDirectory: String) {
        var directory = dataDirectory[...]
        while directory.count > 1, directory.hasSuffix("/") { directory = directory.dropLast() }
        let beside = log.directory.map { $0 + "/patroni" } ?? String(directory)
        self.init(path: reader.nonEmpty("flight_record.path") ?? beside + Self.suffix)
        isEnabled = reader.flag("flight_record.enabled")
        size = reader.whole("flight_record.size") ?? size
    }
}

extension LogSettings {
    init(_ reader: TreeReader) {
        self.init()
        level = Self.canonical(reader.text("log.level")) ?? level
        if let format = reader.value("log.format")?.string, !format.isEmpty { self.format = format }
        dateFormat = reader.nonEmpty("log.dateformat")
        directory = reader.nonEmpty("log.dir")
        fileSize = reader.whole("log.file_size") ?? fileSize
        fileCount = reader.whole("log.file_num") ?? fileCount
        maximumQueueSize = reader.whole("log.max_queue_size") ?? maximumQueueSize
        mode = reader.whole("log.mode")
        for (name, value) in reader.table("log.loggers").pairs { loggers[name] = Self.canonical(value.pythonText) }
        deduplicatesHeartbeats = reader.flag("log.deduplicate_heartbeat_logs")
    }

    /// Level names in any case, old spellings included.
    static func canonical(_ word: String?) -> String? {
        switch word?.uppercased() {
        case "WARN", "WARNING": "WARNING"
        case "FATAL", "CRITICAL": "CRITICAL"
        case "DEBUG", "NOTSET": "DEBUG"
        case "INFO": "INFO"
        case "ERROR": "ERROR"
        default: nil
        }
    }
}
