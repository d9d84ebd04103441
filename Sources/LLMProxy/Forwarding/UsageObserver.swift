internal import Foundation
internal import NIOCore
internal import NIOFoundationEssentialsCompat

/// Finds the `usage` of a response while its bytes pass by. Keeps no text of prompt or completion after that.
struct UsageObserver {
    struct Usage: Decodable, Equatable {
        var promptTokens: UInt32?
        var completionTokens: UInt32?
        var totalTokens: UInt32?
    }

    private struct Response: Decodable {
        var usage: Usage?
    }

    /// A response, or an event of a stream, that is longer is not looked into.
    private let limit: Int

    private let isStreaming: Bool

    /// What is kept of the response, or of the stream's current line.
    private var kept = ByteBuffer()

    /// Whether the response, or the stream's current line, is past the limit.
    private var isTooLong = false

    private(set) var usage: Usage?

    init(isStreaming: Bool, limit: Int = 8 << 20) {
        self.isStreaming = isStreaming
        self.limit = limit
    }

    mutating func observe(_ bytes: ByteBuffer) {
        guard isStreaming else { return keep(bytes) }
        var rest = bytes
        while let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
            let line = rest.readSlice(length: end - rest.readerIndex + 1)
        {
            keep(line)
            endLine()
        }
        keep(rest)
    }

    mutating func finish() {
        isStreaming ? endLine() : read(kept)
        kept.clear()
    }

    private mutating func keep(_ bytes: ByteBuffer) {
        isTooLong = isTooLong || kept.readableBytes + bytes.readableBytes > limit
        if isTooLong {
            kept.clear()
        } else {
            kept.writeImmutableBuffer(bytes)
        }
    }

    private mutating func endLine() {
        // Only the last event of a stream names the usage; the others are not worth decoding.
        let line = String(buffer: kept)
        if line.hasPrefix("data:"), line.contains("\"usage\"") {
            read(ByteBuffer(substring: line.dropFirst("data:".count)))
        }
        kept.clear()
        isTooLong = false
    }

    private mutating func read(_ json: ByteBuffer) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        usage = (try? decoder.decode(Response.self, from: Data(buffer: json)))?.usage ?? usage
    }
}
