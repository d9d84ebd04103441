internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import Glibc
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Why the provider gave no response, or not all of it.
enum ProviderError: Error, Equatable {
    /// No connection was made.
    case unreachable
    case timeout
    /// The connection broke.
    case aborted
    /// What it sent is not HTTP, or a response that no request can have.
    case invalidResponse
    /// Its certificate is not trusted, or it does not speak TLS.
    case tls
    /// The proxy itself gave up, because the client had, or because of shutdown.
    case cancelled

    /// - Parameter error: what the HTTP client threw.
    init(_ error: any Error) {
        self =
            switch error {
            case let error as ProviderError: error
            case is CancellationError: .cancelled
            case let error as HTTPClientError: Self(error)
            case is NIOConnectionError, is SocketAddressError, is StrayURL: .unreachable
            case let error as IOError where Self.ofConnecting.contains(error.errnoCode): .unreachable
            case let error as ChannelError: if case .connectTimeout = error { .unreachable } else { .aborted }
            case HTTPParserError.invalidEOFState: .aborted
            case is InvalidResponse, is HTTPParserError, is NIOHTTPDecoderError: .invalidResponse
            case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: .tls
            default: .aborted
            }
    }

    /// What connect(2) fails with, and nothing later.
    private static let ofConnecting = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENETDOWN, EADDRNOTAVAIL]

    private init(_ error: HTTPClientError) {
        self =
            switch error {
            case .cancelled: .cancelled
            case .readTimeout, .writeTimeout, .deadlineExceeded: .timeout
            case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout: .unreachable
            default: .aborted
            }
    }

    /// As the trace has it.
    var code: String {
        switch self {
        case .unreachable: "provider_unreachable"
        case .timeout: "provider_timeout"
        case .aborted: "provider_aborted"
        case .invalidResponse: "provider_invalid_response"
        case .tls: "provider_tls"
        case .cancelled: "client_disconnected"
        }
    }

    /// What the client is told, when it has not been told anything yet.
    var answer: OpenAIError {
        switch self {
        case .unreachable: OpenAIError(.badGateway, code, "The provider cannot be reached")
        case .timeout: OpenAIError(.gatewayTimeout, code, "The provider did not answer in time")
        case .aborted: OpenAIError(.badGateway, code, "The provider closed the connection without an answer")
        case .invalidResponse: OpenAIError(.badGateway, code, "The provider's response is not valid HTTP")
        case .tls: OpenAIError(.badGateway, code, "The provider's TLS cannot be trusted")
        // nginx's status for a client that did not wait; nobody receives it.
        case .cancelled: OpenAIError(499, code, "The client did not wait for the answer")
        }
    }
}
