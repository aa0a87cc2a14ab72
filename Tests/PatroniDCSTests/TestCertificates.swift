// A certificate authority for one test, made with openssl.

import Glibc
import PatroniConfiguration
import PatroniPlatform
import Testing

/// A CA, a certificate of a server on 127.0.0.1, and a client's with a password on its key.
struct TestCertificates: Sendable {
    let directory: String

    init(in directory: String) async throws {
        self.directory = directory
        let openssl = try #require(Machine.findProgram("openssl"), "openssl is missing")
        let script = """
            cd \(directory) && exec >/dev/null 2>&1
            new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
            \(openssl) req -x509 -days 2 $new -keyout ca.key -out ca.crt -subj /CN=test-ca || exit 1
            for name in server client; do
              \(openssl) req $new -keyout $name.key -out $name.csr -subj /CN=$name || exit 1
              echo subjectAltName=IP:127.0.0.1 >$name.ext
              \(openssl) x509 -req -days 2 -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
                -extfile $name.ext -out $name.crt || exit 1
            done
            \(openssl) pkey -in client.key -aes256 -passout pass:secret -out client.enc
            """
        let shell = try DetachedProcess.start("/bin/sh", ["-c", script], environment: ["PATH": "/usr/bin:/bin"])
        await shell.waitForExit()
        try #require(FileReading.exists(directory + "/client.enc"), "openssl failed")
    }

    var etcdOptions: String {
        "--cert-file \(directory)/server.crt --key-file \(directory)/server.key"
            + " --trusted-ca-file \(directory)/ca.crt --client-cert-auth"
    }

    var clientSettings: ClientTLSSettings {
        var tls = ClientTLSSettings()
        tls.authorities = directory + "/ca.crt"
        tls.identity = TLSIdentity(
            certificateFile: directory + "/client.crt", keyFile: directory + "/client.enc", keyPassword: "secret")
        return tls
    }
}
