internal import NIOCore

/// Looks at a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) while it
/// passes by. Keeps nothing of it but a few short values.
///
/// Bytes are passed on as they arrive. Only where the event with the usage has to be taken out do they wait for the end
/// of their event, and no client may act on an event before that. Lines end as every provider ends them: with a line
/// feed, with or without a carriage return before it.
struct EventStream {
    /// Whether the event that is only there for the usage is taken out, because the client did not ask for it.
    private let hidesUsage: Bool

    /// A longer event does not wait for its end, and is never taken out. In bytes. Those with the usage have some 300.
    private let limit: Int

    private(set) var model: String?
    private(set) var usage: Usage?

    /// Whether the event that ends a stream has passed.
    private(set) var isDone = false

    /// Whether the provider has told of an error in the middle of the stream.
    private(set) var isError = false

    /// What waits for the end of its event.
    private var waiting = ByteBuffer()

    private var line = EventLine()
    private var isUsageOnly = false

    /// Whether the event was too long to wait for its end.
    private var isTooLong = false

    init(hidesUsage: Bool, limit: Int = 32 << 10) {
        self.hidesUsage = hidesUsage
        self.limit = limit
    }

    /// - Returns: what is to be passed on now.
    mutating func pass(_ bytes: ByteBuffer) -> ByteBuffer {
        var ended = ByteBuffer()
        var rest = bytes
        while rest.readableBytes > 0 {
            let newline = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
            let length = newline.map { $0 + 1 - rest.readerIndex } ?? rest.readableBytes
            guard let piece = rest.readSlice(length: length) else { break }
            line.take(piece)
            if hidesUsage { waiting.writeImmutableBuffer(piece) }
            if newline != nil { endLine(&ended) }
            if isTooLong || waiting.readableBytes > limit {
                isTooLong = true
                moveWaiting(&ended)
            }
        }
        return hidesUsage ? ended : bytes
    }

    /// The stream is over.
    ///
    /// - Returns: what is to be passed on still: the beginning of an event that has no end.
    mutating func finish() -> ByteBuffer {
        readLine()
        var ended = ByteBuffer()
        moveWaiting(&ended)
        return ended
    }

    private mutating func endLine(_ ended: inout ByteBuffer) {
        let endsEvent = line.isEmpty
        readLine()
        line.reset()
        guard endsEvent else { return }
        if isUsageOnly, !isTooLong { waiting.clear() } else { moveWaiting(&ended) }
        isUsageOnly = false
        isTooLong = false
    }

    private mutating func moveWaiting(_ ended: inout ByteBuffer) {
        ended.writeBuffer(&waiting)
        waiting.clear()
    }

    private mutating func readLine() {
        if line.isDone { isDone = true }
        guard let summary = line.summary else { return }
        isError = isError || summary.isError
        guard let found = summary.usage else { return }
        model = summary.model ?? model
        usage = usage ?? Usage(input: nil, output: nil)
        usage?.update(found)
        isUsageOnly = summary.hasNoChoice
    }
}
