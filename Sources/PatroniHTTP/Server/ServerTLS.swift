// How we present ourselves over TLS: certificate, key and whom we trust as a client.

import NIOSSL
import PatroniConfiguration

/// A ready context; connections keep the one they began with, so that a reload disturbs nobody (API-033).
struct ServerTLS: Sendable {
    let context: NIOSSLContext

    /// Reads the files at once: a wrong one is an error now, not at the first client.
    init(_ settings: ServerTLSSettings) throws(ServerFailure) {
        let identity = settings.identity
        let chain = try Self.certificates(identity.certificateFile, setting: "restapi.certfile")
        let key = try Self.key(identity)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        if let ciphers = settings.ciphers { configuration.cipherSuites = ciphers }
        if let file = settings.clientAuthorities {
            configuration.trustRoots = .certificates(try Self.certificates(file, setting: "restapi.cafile"))
        }
        switch settings.verifyClient {
        case .none: configuration.certificateVerification = .none
        case .optional: configuration.certificateVerification = .optionalVerification
        case .required: configuration.certificateVerification = .noHostnameVerification
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .tls(
                "REST API: the TLS settings can't be used: certificate \(identity.certificateFile) and its key must "
                    + "belong together, restapi.ciphers must be valid (\(error))")
        }
    }

    private static func certificates(
        _ file: String, setting: String
    ) throws(ServerFailure) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMFile(file)
            if !found.isEmpty { return found }
        } catch {
            throw .tls("\(setting): \(file) can't be read: it must be a readable PEM file (\(error))")
        }
        throw .tls("\(setting): \(file) holds no certificate")
    }

    private static func key(_ identity: TLSIdentity) throws(ServerFailure) -> NIOSSLPrivateKey {
        let file = identity.keyFile ?? identity.certificateFile
        do {
            guard let password = identity.keyPassword else { return try NIOSSLPrivateKey(file: file, format: .pem) }
            return try NIOSSLPrivateKey(file: file, format: .pem) { provide in provide(Array(password.utf8)) }
        } catch {
            throw .tls(
                "restapi.keyfile: \(file) can't be read: it must be a readable PEM file, its password "
                    + "(restapi.keyfile_password) right (\(error))")
        }
    }
}
