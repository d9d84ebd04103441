internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// Finds in a response, while it passes by, what its trace says of it.
enum ResponseObserver {
    case stream(EventStream)
    /// What has arrived of it; nil when it is too long to be looked into.
    case json(ByteBuffer?)
    /// Nothing that is known to carry a usage.
    case other

    /// A response that is longer is not looked into.
    static let limit = 8 << 20

    /// - Parameters:
    ///   - headers: the response's.
    ///   - hidesUsage: whether a stream's event that only tells the usage is taken out.
    init(_ headers: HTTPHeaders, hidesUsage: Bool) {
        let type = headers.first(name: "content-type")?.lowercased() ?? ""
        let isPlain = ["", "identity"].contains(headers.first(name: "content-encoding")?.lowercased() ?? "")
        switch type.prefix(while: { $0 != ";" }) {
        case "text/event-stream" where isPlain: self = .stream(EventStream(hidesUsage: hidesUsage))
        case "application/json" where isPlain: self = .json(ByteBuffer())
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
        case .json(var kept?):
            self = .other
            kept.writeImmutableBuffer(bytes)
            self = .json(kept.readableBytes > Self.limit ? nil : kept)
        case .json(nil), .other: break
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

    /// The model that answered and the tokens that it took, as far as the response has told. Reads all of a JSON, so it is
    /// asked when the client has it.
    var summary: (model: String?, usage: Usage?) {
        switch self {
        case .stream(let stream): return (stream.model, stream.usage)
        case .json(let text?):
            let summary = try? JSONDecoder().decode(ResponseSummary.self, from: Data(text.readableBytesView))
            return (summary?.model, summary?.usage)
        case .json(nil), .other: return (nil, nil)
        }
    }

    /// nil when it is no stream of events.
    var stream: EventStream? {
        if case .stream(let stream) = self { stream } else { nil }
    }
}
