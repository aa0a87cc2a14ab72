// How we speak TLS to others: our settings in the library's terms, files read at once so that mistakes show at the start.

import NIOSSL
import PatroniConfiguration

extension TLSConfiguration {
    init(_ settings: ClientTLSSettings) throws(HTTPFailure) {
        self = .makeClientConfiguration()
        if !settings.verifiesServer {
            certificateVerification = .none
        } else if !settings.verifiesHostname {
            certificateVerification = .noHostnameVerification
        }
        if let file = settings.authorities, settings.verifiesServer {
            trustRoots = .certificates(try Self.certificates(file, "CA certificate"))
        }
        if let identity = settings.identity {
            certificateChain = try Self.certificates(identity.certificateFile, "client certificate").map {
                .certificate($0)
            }
            privateKey = .privateKey(try Self.key(identity))
        }
    }

    private static func certificates(_ file: String, _ what: String) throws(HTTPFailure) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMFile(file)
            if !found.isEmpty { return found }
        } catch {
            throw .tls("\(what) \(file) can't be read: it must be a readable PEM file (\(error))")
        }
        throw .tls("\(what) \(file) holds no certificate")
    }

    private static func key(_ identity: TLSIdentity) throws(HTTPFailure) -> NIOSSLPrivateKey {
        let file = identity.keyFile ?? identity.certificateFile
        do {
            guard let password = identity.keyPassword else { return try NIOSSLPrivateKey(file: file, format: .pem) }
            return try NIOSSLPrivateKey(file: file, format: .pem) { provide in provide(Array(password.utf8)) }
        } catch {
            throw .tls(
                "private key \(file) can't be read: it must be a readable PEM file, its password right (\(error))")
        }
    }
}
