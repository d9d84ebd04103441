internal import AsyncHTTPClient
internal import NIOSSL

/// Why there is no TLS connection, or none any more, in plain words.
struct TLSFailure {
    let reason: String

    /// Whether the handshake failed, so that no request can have been sent.
    ///
    /// A server that speaks TLS 1.3 refuses our certificate only after our side of the handshake is over, when the
    /// request is on its way: that is not counted.
    let isInHandshake: Bool
}

extension TLSFailure {
    /// nil when `error` has nothing to do with TLS.
    init?(_ error: any Error) {
        switch error {
        case NIOSSLError.handshakeFailed(let cause):
            self.init(reason: Self.describe(cause), isInHandshake: true)
        // Names are checked before the connection carries anything.
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            self.init(reason: "the server's certificate is for another host name or address", isInHandshake: true)
        case let error as HTTPClientError where error == .tlsHandshakeTimeout:
            self.init(reason: "the TLS handshake took longer than 5 s", isInHandshake: true)
        case NIOSSLError.uncleanShutdown:
            self.init(reason: "the server cut the TLS connection", isInHandshake: false)
        case let cause as BoringSSLError:
            self.init(reason: Self.describe(cause), isInHandshake: false)
        default:
            return nil
        }
    }

    private static func describe(_ error: BoringSSLError) -> String {
        guard case .sslError(let stack) = error, let first = stack.first else { return "TLS failed: \(error)" }
        if first == .eofDuringHandshake {
            return "the server closed the connection during the TLS handshake; is its port one for http://?"
        }
        let name = first.reasonName
        return words[name] ?? "TLS failed: \(name)"
    }

    private static let refusesOurCertificate = "the server refuses our client certificate"
    private static let hasNoVersionInCommon = "the server supports no TLS version that we do"

    /// By BoringSSL's names. "Alert" is what the server said.
    private static let words = [
        "CERTIFICATE_VERIFY_FAILED":
            "the server's certificate is not trusted: it comes from no trusted CA, or is not valid now",
        "WRONG_VERSION_NUMBER": "the server does not speak TLS; is its port one for http://?",
        "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server refuses the TLS handshake; does it require a client certificate?",
        "TLSV1_ALERT_CERTIFICATE_REQUIRED": "the server requires a client certificate, and none is configured",
        "SSLV3_ALERT_BAD_CERTIFICATE": refusesOurCertificate,
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": refusesOurCertificate,
        "SSLV3_ALERT_CERTIFICATE_REVOKED": "\(refusesOurCertificate): it is revoked",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED": "\(refusesOurCertificate): it has expired",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN": refusesOurCertificate,
        "TLSV1_ALERT_UNKNOWN_CA": "\(refusesOurCertificate): it does not trust the CA",
        "TLSV1_ALERT_ACCESS_DENIED": refusesOurCertificate,
        "TLSV1_ALERT_PROTOCOL_VERSION": hasNoVersionInCommon,
        "UNSUPPORTED_PROTOCOL": hasNoVersionInCommon,
    ]
}

extension BoringSSLInternalError {
    /// `CERTIFICATE_VERIFY_FAILED` of `Error: … OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at handshake.cc:1`, where
    /// it is to be had; swift-nio-ssl gives it nowhere else.
    fileprivate var reasonName: String {
        let text = description
        guard let start = text.firstRange(of: "OPENSSL_internal:")?.upperBound else { return text }
        return String(text[start...].prefix { !$0.isWhitespace })
    }
}
