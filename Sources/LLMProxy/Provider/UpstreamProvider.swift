internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import ClickHouseWriter
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// A provider with OpenAI's API, somewhere on the network.
struct UpstreamProvider: Provider {
    let url: UpstreamURL

    /// Sent in the place of the client's; nil passes the client's on.
    let key: Secret?

    let client: HTTPClient

    /// A longer body is freed while it is sent. The client keeps one that it gets whole until the response is over.
    private static let maxWholeBytes = 16 << 10

    /// nil: as the client does it.
    let tls: TLSRenewal<TLSConfiguration>?

    let redaction: Redaction?

    init(url: UpstreamURL, key: Secret?, client: HTTPClient, tls: TLSRenewal<TLSConfiguration>?) {
        self.url = url
        self.key = key
        self.client = client
        self.tls = tls
        redaction = key.map { Redaction(of: $0.text) }
    }

    var name: String { url.host }

    /// Of a response whose client does not read, this little is read from the provider. Up to six such buffers wait on the
    /// way to the client, and the usual ones are 64 KiB.
    static func limitBuffers(of channel: any Channel) -> EventLoopFuture<Void> {
        let allocator = AdaptiveRecvByteBufferAllocator(minimum: 1 << 10, initial: 4 << 10, maximum: 8 << 10)
        return channel.setOption(.recvAllocator, value: allocator).flatMap {
            channel.setOption(.maxMessagesPerRead, value: 1)
        }
    }

    func send(_ request: ProviderRequest) async throws(ProviderError) -> HTTPClientResponse {
        var message: HTTPClientRequest
        do throws(StrayURL) {
            message = try url.request(to: request.target)
        } catch {
            throw ProviderError(error)
        }
        message.tlsConfiguration = await tls?.current()
        message.method = HTTPMethod(rawValue: request.method.rawValue)
        message.headers = ForwardedHeaders.toProvider(request.headers, key: key?.text)
        let length = request.body.readableBytes
        if length > Self.maxWholeBytes {
            message.body = .stream(request.body.parts, length: .known(Int64(length)))
        } else if length > 0 || request.headers[.contentLength] != nil {
            message.body = .bytes(request.body.takeAll())
        }
        do {
            // Its phases have limits of their own: to connect, and to be silent.
            return try await client.execute(message, deadline: .distantFuture)
        } catch {
            throw ProviderError(error)
        }
    }
}
