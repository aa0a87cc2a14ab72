// A certificate authority for one test server, made with openssl.

import NIOSSL
import PatroniPlatform

/// What the server could not do to begin with.
public struct TestServerError: Error, CustomStringConvertible {
    public var description: String
}

struct Certificates: Sendable {
    let authorityFile: String
    let context: NIOSSLContext

    /// The certificate is for the service's names and address; for the single API servers' addresses only if they are
    /// named, which in many clusters they are not.
    init(in folder: String, addresses: [String]) async throws {
        guard let openssl = Machine.findProgram("openssl") else {
            throw TestServerError(description: "openssl is missing")
        }
        let names =
            ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
            .map { "DNS:\($0)" } + addresses.map { "IP:\($0)" }
        let script = """
            cd \(folder) && exec >openssl.log 2>&1
            new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
            \(openssl) req -x509 -days 2 $new -keyout ca.key -out ca.crt -subj /CN=kubernetes-test-ca || exit 1
            \(openssl) req $new -keyout server.key -out server.csr -subj /CN=kube-apiserver || exit 1
            echo subjectAltName=\(names.joined(separator: ",")) >server.ext
            \(openssl) x509 -req -days 2 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
              -extfile server.ext -out server.crt.new && chmod 644 ca.crt && mv server.crt.new server.crt
            """
        let shell = try DetachedProcess.start("/bin/sh", ["-c", script], environment: ["PATH": "/usr/bin:/bin"])
        await shell.waitForExit()
        guard FileReading.exists(folder + "/server.crt") else {
            throw TestServerError(description: "openssl failed, see \(folder)/openssl.log")
        }
        authorityFile = folder + "/ca.crt"
        let chain = try NIOSSLCertificate.fromPEMFile(folder + "/server.crt").map {
            NIOSSLCertificateSource.certificate($0)
        }
        let key = try NIOSSLPrivateKey(file: folder + "/server.key", format: .pem)
        context = try NIOSSLContext(
            configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
    }
}
