package import NIOSSL

extension TLSConfiguration {
    /// For a client that trusts the system's CAs and has no certificate of its own.
    package static var modernClient: TLSConfiguration {
        var configuration = makeClientConfiguration()
        configuration.requireModernTLS()
        return configuration
    }

    /// Allows TLS 1.3, and 1.2 with those suites only whose keys are forward secret and whose encryption is authenticated
    /// (RFC 9325, section 4.2). For every client and server of ours.
    package mutating func requireModernTLS() {
        minimumTLSVersion = .tlsv12
        // TLS 1.3 has no others, and BoringSSL lets nobody choose among them.
        cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
    }
}
