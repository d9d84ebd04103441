internal import AsyncHTTPClient
internal import HTTPTypes

/// Who answers.
protocol Provider: Sendable {
    /// The name that traces carry.
    var name: String { get }

    /// Returns when the response's head is there; the body follows as it arrives.
    func send(_ request: ProviderRequest) async throws(ProviderError) -> HTTPClientResponse
}

/// A request for the provider.
struct ProviderRequest: Sendable {
    var method: HTTPRequest.Method
    /// With its query, as the client wrote it.
    var path: String
    /// As the client sent them.
    var headers: HTTPFields
    var body: HeldBody
}
