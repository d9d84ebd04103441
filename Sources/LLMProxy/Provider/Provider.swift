internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import HTTPTypes

/// Who answers.
protocol Provider: Sendable {
    /// The name that traces carry.
    var name: String { get }

    /// Takes the proxy's own key out of what the provider says; nil when it is sent the client's.
    var redaction: Redaction? { get }

    /// Returns when the response's head is there; the body follows as it arrives.
    func send(_ request: ProviderRequest) async throws(ProviderError) -> HTTPClientResponse
}

/// A request for the provider.
struct ProviderRequest: Sendable {
    var method: HTTPTypes.HTTPRequest.Method
    var target: RequestTarget
    /// As the client sent them.
    var headers: HTTPFields
    var body: HeldBody
}
