internal import NIOCore
internal import NIOHTTP1

/// Finds in a response, while it passes by, what its trace says of it. Keeps nothing of the response but a few short
/// values, however long it is.
enum ResponseObserver {
    case stream(EventStream)
    case json(JSONScanner)
    /// Nothing that is known to carry a usage.
    case other

    /// - Parameters:
    ///   - headers: the response's.
    ///   - hidesUsage: whether a stream's event that only tells the usage is taken out.
    init(_ headers: HTTPHeaders, hidesUsage: Bool) {
        let type = headers.first(name: "content-type")?.lowercased() ?? ""
        let isPlain = ["", "identity"].contains(headers.first(name: "content-encoding")?.lowercased() ?? "")
        switch type.prefix(while: { $0 != ";" }) {
        case "text/event-stream" where isPlain: self = .stream(EventStream(hidesUsage: hidesUsage))
        case "application/json" where isPlain: self = .json(JSONScanner(ResponseSummary.names))
        default: self = .other
        }
    }

    /// - Returns: what is to be passed on now.
    mutating func pass(_ bytes: ByteBuffer) -> ByteBuffer {
        switch self {
        case .stream(var stream):
            // Not held twice, or each change of it would copy it.
            self = .other
            defer { self = .stream(stream) }
            return stream.pass(bytes)
        case .json(var json):
            self = .other
            // What cannot be read has no summary.
            try? json.scan(bytes)
            self = .json(json)
        case .other: break
        }
        return bytes
    }

    /// The response is over.
    ///
    /// - Returns: what is to be passed on still.
    mutating func finish() -> ByteBuffer {
        guard case .stream(var stream) = self else { return ByteBuffer() }
        defer { self = .stream(stream) }
        return stream.finish()
    }

    /// The model that answered and the tokens that it took, as far as the response has told.
    var summary: (model: String?, usage: Usage?) {
        switch self {
        case .stream(let stream): return (stream.model, stream.usage)
        case .json(let json):
            let summary = ResponseSummary(json)
            return (summary?.model, summary?.usage)
        case .other: return (nil, nil)
        }
    }

    /// nil when it is no stream of events.
    var stream: EventStream? {
        if case .stream(let stream) = self { stream } else { nil }
    }
}
