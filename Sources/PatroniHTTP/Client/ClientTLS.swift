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
        do throws(TLSFileError) {
            if let text = settings.authoritiesText, settings.verifiesServer {
                trustRoots = .certificates(try TLSFiles.certificates(in: text, "CA certificate"))
            } else if let file = settings.authorities, settings.verifiesServer {
                trustRoots = .certificates(try TLSFiles.certificates(file, "CA certificate"))
            }
            if let identity = settings.identityText {
                let chain = try TLSFiles.certificates(in: identity.certificate, "client certificate")
                certificateChain = chain.map { .certificate($0) }
                privateKey = .privateKey(try TLSFiles.key(in: identity.key, "private key"))
            } else if let identity = settings.identity {
                let chain = try TLSFiles.certificates(identity.certificateFile, "client certificate")
                certificateChain = chain.map { .certificate($0) }
                privateKey = .privateKey(try TLSFiles.key(identity, "private key"))
            }
        } catch { throw .tls(error.explanation) }
    }
}
