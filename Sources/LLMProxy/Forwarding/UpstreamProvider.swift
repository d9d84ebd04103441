internal import AsyncHTTPClient
internal import Foundation
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1

/// A provider with OpenAI's API, somewhere on the network.
struct UpstreamProvider: ChatProvider {
    /// Headers that belong to one connection, or that the client library sets itself.
    static let notForwarded: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade", "host", "content-length", "expect",
    ]

    /// From the request's head to the response's.
    private static let headTimeout = TimeAmount.seconds(300)

    let url: String
    let client: HTTPClient

    var name: String { URL(string: url)?.host() ?? "upstream" }

    func complete(_ request: ChatRequest) async throws -> HTTPClientResponse {
        var message = HTTPClientRequest(url: url + "/v1/chat/completions")
        message.method = .POST
        for field in request.headers where !Self.notForwarded.contains(field.name.canonicalName) {
            // The usage is read from the response as it passes by, so it must not be compressed.
            if field.name == .acceptEncoding { continue }
            message.headers.add(name: field.name.rawName, value: field.value)
        }
        message.body = .bytes(request.body)
        return try await client.execute(message, timeout: Self.headTimeout)
    }
}
