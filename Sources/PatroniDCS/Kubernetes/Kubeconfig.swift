// A kubeconfig file: which cluster, which user (DCS-169).

import PatroniConfiguration
import PatroniCore
import PatroniHTTP

enum Kubeconfig {
    /// The access that `context` names; when the file doesn't know it, its own current context.
    static func access(
        _ bytes: [UInt8], file: String, context wanted: String
    ) throws(StoreFailure) -> KubernetesAccess {
        let tree: JSON
        do throws(YAMLError) { tree = try YAML.parse(bytes, source: file) } catch {
            throw StoreFailure(.denied, "kubernetes: \(error)")
        }
        let names = [wanted, tree["current-context"]?.string].compactMap { $0 }
        guard let context = names.lazy.compactMap({ entry($0, "context", in: tree) }).first else {
            throw StoreFailure(
                .denied, "kubernetes: \(file) has no context '\(wanted)' and no current one: set kubernetes.context")
        }
        guard let cluster = entry(context["cluster"]?.string ?? "", "cluster", in: tree),
            let url = cluster["server"]?.string, let user = entry(context["user"]?.string ?? "", "user", in: tree)
        else { throw StoreFailure(.denied, "kubernetes: the context of \(file) names no cluster or no user") }
        var access = KubernetesAccess(server: try server(url, cluster, file))
        access.namespace = context["namespace"]?.string
        if let name = cluster["tls-server-name"]?.string { access.certificateName = name }
        try readTLS(cluster, user, file, into: &access.tls)
        if let token = user["token"]?.string, !token.isEmpty {
            access.login = .token(token)
        } else if let path = user["tokenFile"]?.string, !path.isEmpty {
            access.login = .tokenFile(path)
        } else if let name = user["username"]?.string, let password = user["password"]?.string {
            access.login = .password(username: name, password: password)
        } else if user["exec"] != nil || user["auth-provider"] != nil {
            throw StoreFailure(
                .denied, "kubernetes: the user of \(file) logs in by a program: a token or a certificate is needed here"
            )
        }
        return access
    }

    private static func entry(_ name: String, _ kind: String, in tree: JSON) -> JSON? {
        tree["\(kind)s"]?.array?.first { $0["name"]?.string == name }?[kind]
    }

    /// With `tls-server-name` the certificate is checked against that name instead of the address.
    private static func server(
        _ text: String, _ cluster: JSON, _ file: String
    ) throws(StoreFailure) -> KubernetesServer {
        var url = Substring(text)
        while url.hasSuffix("/") { url.removeLast() }
        guard let name = cluster["tls-server-name"]?.string, !name.isEmpty else {
            return KubernetesServer(url: String(url))
        }
        guard let mark = url.firstRange(of: "://") else {
            throw StoreFailure(.denied, "kubernetes: \(file): the server '\(text)' is no URL")
        }
        let scheme = String(url[..<mark.lowerBound])
        guard let address = Endpoint.split(String(url[mark.upperBound...]), defaultPort: scheme == "https" ? 443 : 80)
        else { throw StoreFailure(.denied, "kubernetes: \(file): the server '\(text)' is no URL") }
        return KubernetesServer(
            url: KubernetesServer.url(scheme, name, String(address.port)), address: address.host)
    }

    private static func readTLS(
        _ cluster: JSON, _ user: JSON, _ file: String, into tls: inout ClientTLSSettings
    ) throws(StoreFailure) {
        func data(_ json: JSON, _ name: String) throws(StoreFailure) -> [UInt8]? {
            guard let text = json["\(name)-data"]?.string else { return nil }
            guard let bytes = Base64.decode(text.filter { !$0.isWhitespace }) else {
                throw StoreFailure(.denied, "kubernetes: \(file): \(name)-data is no base64")
            }
            return bytes
        }
        tls.authoritiesText = try data(cluster, "certificate-authority")
        tls.authorities = cluster["certificate-authority"]?.string
        tls.verifiesServer = cluster["insecure-skip-tls-verify"]?.bool != true
        if let certificate = try data(user, "client-certificate"), let key = try data(user, "client-key") {
            tls.identityText = TLSIdentityText(certificate: certificate, key: key)
        } else if let certificate = user["client-certificate"]?.string, let key = user["client-key"]?.string {
            tls.identity = TLSIdentity(certificateFile: certificate, keyFile: key)
        }
    }
}
