package import NIOSSL

/// Where the certificates for https:// lie, in PEM form. Servers are always verified: their certificate must come
/// from a trusted CA and be for the URL's host.
package struct TLSFiles: Sendable, Equatable {
    /// The root certificates to trust in the place of the system's, as with `curl --cacert`; a server's self-signed
    /// certificate will do as well. nil trusts the system's.
    package var caFile: String?

    /// Our own certificate for servers that ask for one, followed by the intermediate ones. nil shows none.
    package var certificateFile: String?

    /// The certificate's private key, not encrypted. It may be in the same file.
    package var keyFile: String?

    package init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    package var isEmpty: Bool { self == TLSFiles() }

    package func clientConfiguration() throws(InvalidTLSFile) -> TLSConfiguration {
        var configuration = TLSConfiguration.modernClient
        if let caFile {
            configuration.trustRoots = .certificates(try PEMFile(.ca, at: caFile).certificates())
        }
        if let shown = try readShown() {
            configuration.certificateChain = shown.chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(shown.key)
        }
        return configuration
    }

    /// Reads the files for a client, now and when they change; nil when there are none.
    package func clientRenewal(
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        onNews: @escaping @Sendable (TLSNews) -> Void
    ) throws(InvalidTLSFile) -> TLSRenewal<TLSConfiguration>? {
        if isEmpty { return nil }
        return try TLSRenewal(self, now: now, onNews: onNews) { files throws(InvalidTLSFile) in
            try files.clientConfiguration()
        }
    }

    /// Reads the files for a server that asks its clients for no certificate, now and when they change; nil when there are none.
    package func serverRenewal(
        onNews: @escaping @Sendable (TLSNews) -> Void
    ) throws(InvalidTLSFile) -> TLSRenewal<NIOSSLContext>? {
        guard let path = certificateFile ?? keyFile else { return nil }
        return try TLSRenewal(self, onNews: onNews) { files throws(InvalidTLSFile) in
            guard let configuration = try files.serverConfiguration(),
                let context = try? NIOSSLContext(configuration: configuration)
            else { throw InvalidTLSFile(.certificate, at: path, "TLS cannot use it") }
            return context
        }
    }

    /// - Returns: nil when there are none.
    package func serverConfiguration() throws(InvalidTLSFile) -> TLSConfiguration? {
        guard let shown = try readShown() else { return nil }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: shown.chain.map { .certificate($0) },
            privateKey: .privateKey(shown.key)
        )
        configuration.requireModernTLS()
        return configuration
    }

    /// Our own certificate, the intermediate ones behind it, and its key; nil when there are none.
    private func readShown() throws(InvalidTLSFile) -> (chain: [NIOSSLCertificate], key: NIOSSLPrivateKey)? {
        switch (certificateFile, keyFile) {
        case (nil, nil): return nil
        case (let certificateFile?, nil):
            throw InvalidTLSFile(.certificate, at: certificateFile, "it needs a key file beside it, and none is given")
        case (nil, let keyFile?):
            throw InvalidTLSFile(.key, at: keyFile, "it needs a certificate file beside it, and none is given")
        case (let certificateFile?, let keyFile?):
            let chain = try PEMFile(.certificate, at: certificateFile).certificates()
            let key = try PEMFile(.key, at: keyFile).privateKey()
            // Lets BoringSSL try the pair now, not at the first connection.
            var pair = TLSConfiguration.makeClientConfiguration()
            pair.certificateChain = chain.map { .certificate($0) }
            pair.privateKey = .privateKey(key)
            // The system's many are of no interest here, and take long to load.
            pair.trustRoots = .certificates([])
            do {
                _ = try NIOSSLContext(configuration: pair)
                return (chain, key)
            } catch NIOSSLError.failedToLoadPrivateKey {
                let reason = "its key does not belong to the first certificate in \(certificateFile)"
                throw InvalidTLSFile(.key, at: keyFile, reason)
            } catch {
                throw InvalidTLSFile(.certificate, at: certificateFile, "TLS cannot use its kind of certificate")
            }
        }
    }
}

/// Why a TLS file cannot be used, and what to do. Holds nothing of the file's content.
package struct InvalidTLSFile: Error, CustomStringConvertible {
    enum Role: String {
        case ca = "CA"
        case certificate
        case key
    }

    package let description: String

    init(_ role: Role, at path: String, _ reason: String) {
        description = "the TLS \(role.rawValue) file \"\(path)\" cannot be used: \(reason)"
    }
}

private struct PEMFile {
    let role: InvalidTLSFile.Role
    let path: String
    let bytes: [UInt8]

    init(_ role: InvalidTLSFile.Role, at path: String) throws(InvalidTLSFile) {
        do throws(SmallFile.Unreadable) {
            bytes = try SmallFile.read(path)
        } catch {
            throw InvalidTLSFile(role, at: path, error.reason)
        }
        self.role = role
        self.path = path
        if bytes.isEmpty { throw invalid("it is empty") }
    }

    func certificates() throws(InvalidTLSFile) -> [NIOSSLCertificate] {
        guard text.contains("CERTIFICATE-----") else {
            throw invalid(
                "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----); "
                    + "one in DER form is converted by: openssl x509 -inform der -in FILE -out FILE.pem"
            )
        }
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw invalid("a certificate in it is damaged")
        }
        return certificates
    }

    func privateKey() throws(InvalidTLSFile) -> NIOSSLPrivateKey {
        guard text.contains("PRIVATE KEY-----") else {
            throw invalid("it holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)")
        }
        // PKCS #8 says it in the first line, the older forms in the second.
        guard !["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"].contains(where: text.contains) else {
            throw invalid("its key is encrypted; decrypt it with: openssl pkey -in FILE -out NEW-FILE")
        }
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw invalid("its private key is damaged, or of an unknown kind")
        }
        return key
    }

    private var text: String { String(decoding: bytes, as: UTF8.self) }

    private func invalid(_ reason: String) -> InvalidTLSFile {
        InvalidTLSFile(role, at: path, reason)
    }
}
