// Certificates and keys from their files, for the server and the client alike.

import NIOSSL
import PatroniConfiguration

/// A certificate or key that can't be used; the sentence names the file.
struct TLSFileError: Error {
    var explanation: String
}

enum TLSFiles {
    /// `what` is how the operator knows the file: the setting, or "client certificate".
    static func certificates(_ file: String, _ what: String) throws(TLSFileError) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMFile(file)
            if !found.isEmpty { return found }
        } catch {
            throw TLSFileError(explanation: "\(what) \(file) can't be read: it must be a readable PEM file (\(error))")
        }
        throw TLSFileError(explanation: "\(what) \(file) holds no certificate")
    }

    static func certificates(in text: [UInt8], _ what: String) throws(TLSFileError) -> [NIOSSLCertificate] {
        if let found = try? NIOSSLCertificate.fromPEMBytes(text), !found.isEmpty { return found }
        throw TLSFileError(explanation: "\(what): the configured text holds no PEM certificate")
    }

    static func key(in text: [UInt8], _ what: String) throws(TLSFileError) -> NIOSSLPrivateKey {
        if let key = try? NIOSSLPrivateKey(bytes: text, format: .pem) { return key }
        throw TLSFileError(explanation: "\(what): the configured text is no PEM key")
    }

    static func key(_ identity: TLSIdentity, _ what: String) throws(TLSFileError) -> NIOSSLPrivateKey {
        let file = identity.keyFile ?? identity.certificateFile
        do {
            guard let password = identity.keyPassword else { return try NIOSSLPrivateKey(file: file, format: .pem) }
            return try NIOSSLPrivateKey(file: file, format: .pem) { provide in provide(Array(password.utf8)) }
        } catch {
            throw TLSFileError(
                explanation:
                    "\(what) \(file) can't be read: it must be a readable PEM file, its password right (\(error))")
        }
    }
}
