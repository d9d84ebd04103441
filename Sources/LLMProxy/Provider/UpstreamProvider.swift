internal import AsyncHTTPClient
internal import struct ClickHouseHTTP.Redaction
internal import ClickHouseWriter
internal import Foundation
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1

/// A provider with OpenAI's API, somewhere on the network.
struct UpstreamProvider: Provider {
    /// Without a slash at its end.
    let url: String

    /// Sent in the place of the client's; nil passes the client's on.
    let key: Secret?

    let client: HTTPClient
    let name: String
    let redaction: Redaction?

    init(url: String, key: Secret?, client: HTTPClient) {
        self.url = url
        self.key = key
        self.client = client
        redaction = key.map { Redaction(of: $0.text) }
        name = URL(string: url)?.host() ?? "upstream"
    }

    func send(_ request: ProviderRequest) async throws(ProviderError) -> HTTPClientResponse {
        var message = HTTPClientRequest(url: url + request.path)
        message.method = HTTPMethod(rawValue: request.method.rawValue)
        message.headers = ForwardedHeaders.toProvider(request.headers, key: key?.text)
        if request.body.readableBytes > 0 || request.headers[.contentLength] != nil {
            message.body = .bytes(request.body)
        }
        do {
            // Its phases have limits of their own: to connect, and to be silent.
            return try await client.execute(message, deadline: .distantFuture)
        } catch {
            throw ProviderError(error)
        }
    }
}
