internal import AsyncHTTPClient
internal import HTTPTypes
internal import NIOCore

/// Who answers a chat completion.
protocol ChatProvider: Sendable {
    /// The name that traces carry.
    var name: String { get }

    /// Returns when the response's head is there; the body follows as it arrives.
    func complete(_ request: ChatRequest) async throws -> HTTPClientResponse
}

/// A chat completion as it was received.
struct ChatRequest: Sendable {
    /// What the proxy itself looks at. Everything else is passed on unread.
    struct Summary: Decodable {
        var model: String
        var stream: Bool?
    }

    var headers: HTTPFields
    var body: ByteBuffer
    var model: String
    var isStreaming: Bool
}
