// Where the API server is and who we are to it: inside a pod, or by a kubeconfig (DCS-169).

import PatroniConfiguration
import PatroniCore
import PatroniHTTP
import PatroniPlatform

/// How to log in.
enum KubernetesLogin: Sendable, Hashable {
    /// By client certificate, or not at all.
    case none
    case token(String)
    /// A file that is read again and again: tokens of pods are replaced while they run.
    case tokenFile(String)
    case password(username: String, password: String)
}

/// One address of the API.
struct KubernetesServer: Sendable, Hashable {
    /// `https://host:port`, the host being the name that the certificate must have.
    var url: String
    /// Where to connect to instead of looking the name up.
    var address: String?

    /// For messages: where the connection goes.
    var shown: String { address ?? url }

    static func url(_ scheme: String, _ host: String, _ port: String) -> String {
        "\(scheme)://\(host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host):\(port)"
    }
}

/// Everything needed to speak to the API.
struct KubernetesAccess: Sendable {
    var server: KubernetesServer
    var tls = ClientTLSSettings()
    var login = KubernetesLogin.none
    /// The namespace that the surroundings name; nil: none.
    var namespace: String?
    /// The name in the API servers' certificates when they are reached by their own addresses.
    var certificateName = "kubernetes.default.svc"

    static let directory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// Where the cluster's objects are.
    func namespace(_ settings: KubernetesSettings) -> String { settings.namespace ?? namespace ?? "default" }

    /// As a pod, when the variables and files of one are there; else by the kubeconfig.
    static func find(
        _ settings: KubernetesSettings, environment: [String: String], directory: String = directory
    ) throws(StoreFailure) -> KubernetesAccess {
        if let pod = inPod(settings, environment, directory) { return pod }
        let file = kubeconfig(environment)
        let text: [UInt8]
        do throws(FileError) { text = try FileReading.bytes(file) } catch {
            throw StoreFailure(
                .denied,
                "kubernetes: this is no pod (KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and the files in"
                    + " \(directory) are needed) and there is no kubeconfig either: \(error)")
        }
        return try Kubeconfig.access(text, file: file, context: settings.context)
    }

    private static func kubeconfig(_ environment: [String: String]) -> String {
        if let files = environment["KUBECONFIG"]?.split(separator: ":"), let first = files.first {
            return String(first)
        }
        return (environment["HOME"] ?? "/root") + "/.kube/config"
    }

    private static func inPod(
        _ settings: KubernetesSettings, _ environment: [String: String], _ directory: String
    ) -> KubernetesAccess? {
        let authorities = settings.authorities ?? "\(directory)/ca.crt"
        let tokenFile = "\(directory)/token"
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty,
            let token = try? FileReading.text(tokenFile), !token.isEmpty,
            let certificate = try? FileReading.text(authorities), !certificate.isEmpty
        else { return nil }
        var access = KubernetesAccess(server: KubernetesServer(url: KubernetesServer.url("https", host, port)))
        access.tls.authorities = authorities
        access.login = .tokenFile(tokenFile)
        access.namespace = (try? FileReading.text("\(directory)/namespace")).flatMap { text in
            let name = text.prefix { $0 != "\n" && $0 != " " }
            return name.isEmpty ? nil : String(name)
        }
        // A cluster whose Service is reached by a name has that name in the certificate.
        if !host.contains(":"), host.contains(where: { $0.isLetter }) { access.certificateName = host }
        return access
    }
}
