// Which store a configuration names, and how to reach it.

import PatroniCore

extension StoreSettings {
    /// The first store section that we can serve; a section that only Patroni can serve is an error when there is no
    /// other one.
    public init(tree: JSONObject) throws(ConfigurationError) {
        let available = Schema.availableStores.joined(separator: ", ")
        guard let kind = Schema.availableStores.first(where: { tree[$0]?.isFalsy == false }) else {
            let missing = Schema.missingStores.filter { tree[$0]?.isFalsy == false }
            if missing.isEmpty {
                throw ConfigurationError("no section of a configuration store found, expected one of \(available)")
            }
            throw ConfigurationError(
                "\(missing.joined(separator: ", ")): this store is not supported yet, expected one of \(available)")
        }
        let problems = Schema.problems(
            in: tree,
            settings: (Schema.stores + Schema.kubernetes).filter { $0.path.hasPrefix(kind + ".") || $0.path == kind })
        if !problems.isEmpty { throw ConfigurationError(problems) }
        guard tree[kind]?.object != nil else {
            throw ConfigurationError("\(kind): expected names with values")
        }
        let reader = TreeReader(tree)
        switch kind {
        case "embedded":
            guard let path = reader.nonEmpty("embedded.path") else {
                throw ConfigurationError(
                    "embedded.path is not defined: the file that the members on this machine share")
            }
            self = .embedded(EmbeddedStoreSettings(path: path))
        case "kubernetes": self = .kubernetes(try KubernetesSettings(reader))
        default: self = .etcd3(try Etcd3Settings(reader))
        }
    }
}

extension Etcd3Settings {
    init(_ reader: TreeReader) throws(ConfigurationError) {
        let defaultPort = reader.whole("etcd3.port") ?? 2379
        self.init(endpoints: [])
        usesTLS = reader.text("etcd3.protocol")?.lowercased() == "https"
        credentials = reader.credentials("etcd3")
        usesFixedList = reader.flag("etcd3.use_proxies")
        if let text = reader.nonEmpty("etcd3.proxy") {
            try read(url: text, setting: "etcd3.proxy", defaultPort: defaultPort)
            usesFixedList = true
        } else if let text = reader.nonEmpty("etcd3.url") {
            try read(url: text, setting: "etcd3.url", defaultPort: defaultPort)
        } else if reader.nonEmpty("etcd3.srv") != nil {
            throw ConfigurationError("etcd3.srv: finding servers by SRV records is not supported yet, use etcd3.hosts")
        } else {
            for host in reader.list("etcd3.hosts") ?? reader.list("etcd3.host") ?? [] {
                endpoints.append(try Self.endpoint(host, defaultPort: defaultPort))
            }
        }
        if endpoints.isEmpty {
            throw ConfigurationError("etcd3: no server is named, expected host, hosts, url or proxy")
        }
        tls.authorities = reader.nonEmpty("etcd3.cacert")
        if let certificate = reader.nonEmpty("etcd3.cert") {
            tls.identity = TLSIdentity(certificateFile: certificate, keyFile: reader.nonEmpty("etcd3.key"))
        }
    }

    private static func endpoint(_ text: String, defaultPort: Int) throws(ConfigurationError) -> Endpoint {
        var bare = Substring(text)
        for scheme in ["http://", "https://"] where bare.hasPrefix(scheme) { bare = bare.dropFirst(scheme.count) }
        while bare.hasSuffix("/") { bare.removeLast() }
        guard let split = Address.split(String(bare), defaultPort: defaultPort), !split.host.isEmpty,
            !split.host.contains(" "), !split.host.contains(",")
        else {
            throw ConfigurationError(
                "etcd3.hosts: '\(text)' is not allowed, expected host or host:port, the port from 1 to 65535")
        }
        return Endpoint(host: split.host, port: split.port)
    }

    private mutating func read(url text: String, setting: String, defaultPort: Int) throws(ConfigurationError) {
        let wanted = "\(setting): '\(text)' is not allowed, expected http(s)://[user:password@]host[:port]"
        var rest: Substring
        if text.hasPrefix("https://") {
            usesTLS = true
            rest = text.dropFirst("https://".count)
        } else if text.hasPrefix("http://") {
            usesTLS = false
            rest = text.dropFirst("http://".count)
        } else {
            throw ConfigurationError(wanted)
        }
        if let slash = rest.firstIndex(of: "/") { rest = rest[..<slash] }
        if let at = rest.lastIndex(of: "@") {
            let login = rest[..<at].split(separator: ":", maxSplits: 1)
            if login.count == 2 { credentials = Credentials(username: String(login[0]), password: String(login[1])) }
            rest = rest[rest.index(after: at)...]
        }
        guard let split = Address.split(String(rest), defaultPort: defaultPort), !split.host.isEmpty else {
            throw ConfigurationError(wanted)
        }
        endpoints = [Endpoint(host: split.host, port: split.port)]
    }
}
