// The local `postgresql` section laid over the dynamic one (CFG-016 to CFG-023).

import PatroniCore

extension PostgresSettings {
    /// `local` and `dynamic` are whole trees. Local values have been checked; a dynamic value of a wrong type is
    /// passed over, see ``dynamicProblems(_:)``.
    init(local: JSONObject, dynamic: JSONObject, home: String?) throws(ConfigurationError) {
        let localSection = local["postgresql"]?.object ?? JSONObject()
        let dynamicSection = Self.usable(dynamic)
        var merged = dynamicSection
        for (key, value) in localSection.pairs where key != "use_slots" && key != "parameters" { merged[key] = value }
        let reader = TreeReader(["postgresql": .object(merged)])
        guard let listen = reader.address("postgresql.listen"), let data = reader.text("postgresql.data_dir") else {
            throw ConfigurationError("postgresql.listen and postgresql.data_dir are required")
        }
        self.init(
            listenAddresses: listen.host.isEmpty ? "*" : listen.host, port: listen.port,
            connectAddress: reader.address("postgresql.connect_address") ?? Self.reachable(listen),
            dataDirectory: data, passfile: reader.text("postgresql.pgpass") ?? "~/pgpass")
        if passfile.hasPrefix("~/"), let home { passfile = home + passfile.dropFirst(1) }
        proxyAddress = reader.address("postgresql.proxy_address")
        configDirectory = reader.nonEmpty("postgresql.config_dir") ?? data
        configBaseName = reader.nonEmpty("postgresql.config_base_name") ?? configBaseName
        binDirectory = reader.text("postgresql.bin_dir") ?? ""
        database = reader.nonEmpty("postgresql.database") ?? database
        for program in Schema.programs {
            if let name = reader.tree.value("postgresql.bin_name.\(program)")?.string { programNames[program] = name }
        }
        superuser = PostgresUser(reader, "superuser") ?? PostgresUser()
        replication = PostgresUser(reader, "replication") ?? PostgresUser()
        rewind = PostgresUser(reader, "rewind")
        readBehaviour(reader)
        readParameters(local: localSection, dynamic: dynamicSection)
        let known = Set(Schema.postgres.compactMap { $0.keys.dropFirst().first }).subtracting(["basebackup"])
        for (name, value) in merged.pairs where !known.contains(name) && !value.isScalar { methods[name] = value }
    }

    private mutating func readBehaviour(_ reader: TreeReader) {
        hba = reader.lines("postgresql.pg_hba")
        ident = reader.lines("postgresql.pg_ident")
        customConfigurationFile = reader.nonEmpty("postgresql.custom_conf")
        recoveryConfiguration = reader.table("postgresql.recovery_conf")
        usesUnixSocket = reader.flag("postgresql.use_unix_socket")
        usesUnixSocketForReplication = reader.flag("postgresql.use_unix_socket_repl")
        if let seconds = reader.whole("postgresql.pg_ctl_timeout") { startTimeout = .seconds(seconds) }
        for event in Schema.callbacks { callbacks[event] = reader.nonEmpty("postgresql.callbacks.\(event)") }
        let methods =
            reader.tree.value("postgresql.create_replica_methods").flatMap(Setting.texts)
            ?? reader.list("postgresql.create_replica_method") ?? []
        if !methods.isEmpty { replicaMethods = methods }
        prePromote = reader.nonEmpty("postgresql.pre_promote")
        beforeStop = reader.nonEmpty("postgresql.before_stop")
        kerberosServiceName = reader.nonEmpty("postgresql.krbsrvname")
    }

    private mutating func readParameters(local: JSONObject, dynamic: JSONObject) {
        var merged: [(name: String, value: JSON)] = []
        func lay(_ name: String, _ value: JSON) {
            let lowered = name.lowercased()
            if let index = merged.firstIndex(where: { $0.name.lowercased() == lowered }) {
                merged[index].value = value
            } else {
                merged.append((name, value))
            }
        }
        for section in [dynamic, local] {
            for (name, value) in (section["parameters"]?.object ?? JSONObject()).pairs
            where !ControlledParameter.isControlled(name) && !value.isNull {
                lay(name, value)
            }
        }
        parameters = JSONObject(merged.map { ($0.name, $0.value) })
        controlledParameters = ControlledParameter.read(dynamic["parameters"]?.object ?? JSONObject()).values
    }

    /// The dynamic section without what may not come from the store and without values of a wrong type.
    private static func usable(_ dynamic: JSONObject) -> JSONObject {
        guard let section = dynamic["postgresql"]?.object else { return JSONObject() }
        var result = JSONObject()
        for (key, value) in section.pairs where !Schema.localOnlyPostgres.contains(key) {
            let settings = Schema.postgres.filter { $0.keys.dropFirst().first == key }
            let tree: JSONObject = ["postgresql": [key: value]]
            if Schema.problems(in: tree, settings: settings).isEmpty { result[key] = value }
        }
        return result
    }

    /// Where others reach a server that listens here, when nobody said: a wildcard tells nothing (CFG-087).
    private static func reachable(_ listen: Endpoint) -> Endpoint {
        let hosts = listen.host.split(separator: ",").map { $0.trimmed }
        let wildcards: Set<String> = ["", "*", "0.0.0.0", "::"]
        if hosts.isEmpty || hosts.contains(where: wildcards.contains) {
            return Endpoint(host: "localhost", port: listen.port)
        }
        let host = hosts.first { $0 == "localhost" || $0 == "127.0.0.1" } ?? hosts[0]
        return Endpoint(host: host, port: listen.port)
    }
}

extension PostgresUser {
    /// Nil when there is no such section.
    init?(_ reader: TreeReader, _ user: String) {
        let section = "postgresql.authentication.\(user)"
        guard reader.tree.value(section)?.object != nil else { return nil }
        self.init()
        username = reader.text("\(section).username") ?? ""
        password = reader.text("\(section).password")
        for option in Schema.connectionOptions { options[option] = reader.text("\(section).\(option)") }
    }
}
