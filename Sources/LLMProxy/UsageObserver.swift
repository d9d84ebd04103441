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
    private static let limit = 8 << 20

    private let isStreaming: Bool
    private var buffer = ByteBuffer()
    private(set) var usage: Usage?

    init(isStreaming: Bool) {
        self.isStreaming = isStreaming
    }

    mutating func observe(_ bytes: ByteBuffer) {
        guard buffer.readableBytes + bytes.readableBytes <= Self.limit else { return }
        buffer.writeImmutableBuffer(bytes)
        if isStreaming { readLines() }
    }

    mutating func finish() {
        if !isStreaming { read(buffer) }
        buffer.clear()
    }

    private mutating func readLines() {
        while let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            guard let line = buffer.readSlice(length: end - buffer.readerIndex + 1) else { return }
            // Only the last event of a stream names the usage; the others are not worth decoding.
            let text = String(buffer: line)
            if text.hasPrefix("data:"), text.contains("\"usage\"") {
                read(ByteBuffer(substring: text.dropFirst("data:".count)))
            }
        }
        buffer.discardReadBytes()
    }

    private mutating func read(_ json: ByteBuffer) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        usage = (try? decoder.decode(Response.self, from: Data(buffer: json)))?.usage ?? usage
    }
}
