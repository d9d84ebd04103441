internal import Foundation
internal import NIOCore

/// Looks at a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) while it
/// passes by. Keeps nothing of a completion beyond the event that it is in.
///
/// Bytes are passed on as they arrive. Only where the event with the usage has to be taken out do they wait for the end
/// of their event, and no client may act on an event before that. Lines end as every provider ends them: with a line
/// feed, with or without a carriage return before it.
struct EventStream {
    /// Whether the event that is only there for the usage is taken out, because the client did not ask for it.
    private let hidesUsage: Bool

    /// An event that is longer is passed on unread.
    private let limit: Int

    private(set) var model: String?
    private(set) var usage: Usage?

    /// Whether the event that ends a stream has passed.
    private(set) var isDone = false

    /// Whether the provider has told of an error in the middle of the stream.
    private(set) var isError = false

    /// The event that has not ended yet, as far as it has arrived.
    private var event = ByteBuffer()

    /// Where in it the current line begins.
    private var lineStart = 0

    private var isUsageOnly = false

    /// Whether the event was too long, and its beginning has gone.
    private var isTooLong = false

    /// Whether the current line's beginning has gone with it.
    private var isLineCut = false

    init(hidesUsage: Bool, limit: Int = 8 << 20) {
        self.hidesUsage = hidesUsage
        self.limit = limit
    }

    /// - Returns: what is to be passed on now.
    mutating func pass(_ bytes: ByteBuffer) -> ByteBuffer {
        var ended = ByteBuffer()
        var rest = bytes
        while let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
            let line = rest.readSlice(length: end - rest.readerIndex + 1)
        {
            event.writeImmutableBuffer(line)
            endLine(&ended)
        }
        event.writeImmutableBuffer(rest)
        letGo(&ended)
        return hidesUsage ? ended : bytes
    }

    /// The stream is over.
    ///
    /// - Returns: what is to be passed on still: the beginning of an event that has no end.
    mutating func finish() -> ByteBuffer {
        readLine()
        defer { event.clear() }
        return hidesUsage ? event : ByteBuffer()
    }

    private mutating func endLine(_ ended: inout ByteBuffer) {
        let endsEvent = readLine()
        lineStart = event.readableBytes
        isLineCut = false
        guard endsEvent else { return letGo(&ended) }
        if isTooLong || !isUsageOnly || !hidesUsage { ended.writeBuffer(&event) }
        event.clear()
        lineStart = 0
        isUsageOnly = false
        isTooLong = false
    }

    /// Does not wait for the end of an event that is too long.
    private mutating func letGo(_ ended: inout ByteBuffer) {
        guard isTooLong || event.readableBytes > limit else { return }
        isTooLong = true
        isLineCut = isLineCut || event.readableBytes > lineStart
        ended.writeBuffer(&event)
        event.clear()
        lineStart = 0
    }

    /// Reads the event's current line.
    ///
    /// - Returns: whether it is empty, which ends an event.
    @discardableResult
    private mutating func readLine() -> Bool {
        guard !isLineCut else { return false }
        let line = event.readableBytesView.dropFirst(lineStart)
        let text = line.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        if !isTooLong, text.starts(with: "data:".utf8) { readData(text.dropFirst("data:".count)) }
        return text.isEmpty
    }

    private mutating func readData(_ data: ByteBufferView) {
        if data.elementsEqual(" [DONE]".utf8) || data.elementsEqual("[DONE]".utf8) {
            isDone = true
            return
        }
        // Hardly any event names one of them, and the others are not worth decoding.
        guard data.hasObject(named: "usage") || data.hasObject(named: "error") else { return }
        guard let summary = try? JSONDecoder().decode(ResponseSummary.self, from: Data(data)) else { return }
        model = summary.model ?? model
        isError = isError || summary.isError
        guard let found = summary.usage else { return }
        usage = usage ?? Usage(input: nil, output: nil)
        usage?.update(found)
        isUsageOnly = summary.hasNoChoice
    }
}

extension ByteBufferView {
    /// Whether `"name": {` occurs. Within a JSON text it would have backslashes before its quotes.
    fileprivate func hasObject(named name: String) -> Bool {
        let key = Array("\"\(name)\"".utf8)
        var rest = self[...]
        while let quote = rest.firstIndex(of: UInt8(ascii: "\"")) {
            rest = rest[quote...]
            if rest.starts(with: key) {
                let value = rest.dropFirst(key.count).drop { " :".utf8.contains($0) }
                if value.first == UInt8(ascii: "{") { return true }
            }
            rest = rest.dropFirst()
        }
        return false
    }
}
