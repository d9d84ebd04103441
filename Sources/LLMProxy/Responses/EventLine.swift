internal import NIOCore

/// A line of a stream of events while it arrives, of which only the data is looked at.
struct EventLine {
    private static let field = Array("data:".utf8)

    /// The beginning of the line: enough to know the field, and the data that ends a stream.
    private var start: [UInt8] = []
    private var length = 0
    private var json = JSONScanner(ResponseSummary.names)

    /// - Parameter piece: with the line feed, where it ends the line.
    mutating func take(_ piece: ByteBuffer) {
        var data = piece
        if length < Self.field.count {
            data.moveReaderIndex(forwardBy: min(Self.field.count - length, data.readableBytes))
        }
        for byte in piece.readableBytesView.prefix(Self.maxStart - start.count) { start.append(byte) }
        length += piece.readableBytes
        // What is no JSON is not read on.
        if data.readableBytes > 0, start.starts(with: Self.field) { try? json.scan(data) }
    }

    mutating func reset() {
        start.removeAll(keepingCapacity: true)
        length = 0
        json.reset()
    }

    /// Whether it has nothing in it, which ends an event.
    var isEmpty: Bool { length <= 2 && start.allSatisfy { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") } }

    /// Whether it is the data that ends a stream.
    var isDone: Bool {
        let text = start.last == UInt8(ascii: "\n") ? start.dropLast() : start[...]
        let line = text.last == UInt8(ascii: "\r") ? text.dropLast() : text
        return length <= Self.maxStart && Self.done.contains { line.elementsEqual($0) }
    }

    /// Nil when it is no data that is JSON.
    var summary: ResponseSummary? { ResponseSummary(json) }

    private static let done = [Array("data: [DONE]".utf8), Array("data:[DONE]".utf8)]
    private static let maxStart = 16
}
