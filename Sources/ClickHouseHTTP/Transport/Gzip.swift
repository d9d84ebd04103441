internal import NIOCore
internal import NIOEmbedded
internal import NIOHTTP1
internal import NIOHTTPCompression
internal import NIOPosix

/// Compresses request bodies.
///
/// swift-nio-extras offers its zlib only as a handler of a channel, so a request goes through a channel that leads
/// nowhere.
enum Gzip {
    /// `bytes` as one gzip member (RFC 1952), at zlib's default level. Takes about 15 ms a MB of JSON lines, too long for the
    /// threads that tasks share.
    static func compress(_ bytes: [UInt8]) async throws -> [UInt8] {
        try await NIOThreadPool.singleton.runIfActive { try compressAtOnce(bytes) }
    }

    private static func compressAtOnce(_ bytes: [UInt8]) throws -> [UInt8] {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(NIOHTTPRequestCompressor(encoding: .gzip))
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
        channel.write(HTTPClientRequestPart.end(nil), promise: nil)
        // One flush, after the end: every flush before it would cost an empty block.
        channel.flush()
        var compressed: [UInt8] = []
        while let part = try channel.readOutbound(as: HTTPClientRequestPart.self) {
            if case .body(.byteBuffer(let buffer)) = part { compressed.append(contentsOf: buffer.readableBytesView) }
        }
        _ = try channel.finish()
        return compressed
    }
}
