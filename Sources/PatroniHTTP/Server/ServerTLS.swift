// How we present ourselves over TLS: certificate, key and whom we trust as a client.

import NIOSSL
import PatroniConfiguration

/// A ready context; connections keep the one they began with, so that a reload disturbs nobody (API-033).
struct ServerTLS: Sendable {
    let context: NIOSSLContext

    /// Reads the files at once: a wrong one is an error now, not at the first client.
    init(_ settings: ServerTLSSettings) throws(ServerFailure) {
        let identity = settings.identity
        var configuration: TLSConfiguration
        do throws(TLSFileError) {
            let chain = try TLSFiles.certificates(identity.certificateFile, "restapi.certfile:")
            let key = try TLSFiles.key(identity, "restapi.keyfile, restapi.keyfile_password:")
            configuration = .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            if let file = settings.clientAuthorities {
                configuration.trustRoots = .certificates(try TLSFiles.certificates(file, "restapi.cafile:"))
            }
        } catch { throw .tls(error.explanation) }
        configuration.minimumTLSVersion = .tlsv12
        if let ciphers = settings.ciphers { configuration.cipherSuites = ciphers }
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
}
