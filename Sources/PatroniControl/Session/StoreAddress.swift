// `--dcs-url`: a store named on the command line (CTL-006 to CTL-008).

import PatroniCore

enum StoreAddress {
    private static let ports: [(scheme: String, port: Int)] = [
        ("zookeeper", 2181), ("exhibitor", 8181), ("consul", 8500), ("etcd", 2379), ("etcd3", 2379),
    ]

    /// `tree` with its stores replaced by the one that `url` names: `[scheme://]host[:port][/namespace]`.
    static func apply(_ url: String, to tree: JSONObject) throws(ControlError) -> JSONObject {
        var rest = Substring(url)
        var scheme: String?
        if let mark = url.firstRange(of: "//") {
            let word = url[..<mark.lowerBound].filter { $0 != ":" }
            scheme = word.isEmpty ? nil : word
            rest = url[mark.upperBound...]
        }
        var namespace: Substring = ""
        if let slash = rest.firstIndex(of: "/") {
            namespace = rest[slash...]
            rest = rest[..<slash]
        }
        var host = rest
        var port: Int?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            host = rest[..<colon]
            let digits = rest[rest.index(after: colon)...]
            guard digits.isEmpty || Int(digits) != nil else { throw .failed("Invalid port in \(url)") }
            port = Int(digits)
        }
        let kind = scheme ?? ports.first { $0.port == port }?.scheme ?? "etcd"
        guard let known = ports.first(where: { $0.scheme == kind }) else {
            throw .failed("Unknown dcs scheme: \(kind)")
        }
        var result = tree
        for (scheme, _) in ports { result[scheme] = nil }
        result["embedded"] = nil
        let address = JSON.string("\(host.isEmpty ? "localhost" : host):\(port ?? known.port)")
        result[kind] = kind == "zookeeper" || kind == "exhibitor" ? ["hosts": [address]] : ["host": address]
        if namespace.contains(where: { $0 != "/" && $0 != " " }) { result["namespace"] = .string(String(namespace)) }
        return result
    }
}
