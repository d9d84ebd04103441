internal import NIOCore
internal import NIOHTTP1

/// Lets only responses that HTTP knows reach async-http-client.
///
/// async-http-client ignores the head of a response with a status below 200, and ends the process when the body or the
/// end of one with a status below 100 follows. This handler stands right before it, behind TLS and behind the decoder.
/// What it refuses fails the request with an ``InvalidResponse`` and closes the connection.
final class ResponseGuard: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    /// How many informational responses (1xx) may come before a response. They go no further: each would begin the
    /// time anew that a server may be silent.
    static let maxInformational = 32

    private enum State {
        case waitingForHead(informational: Int)
        case waitingForEnd
        case refused
    }

    private var state = State.waitingForHead(informational: 0)

    /// Puts a guard before async-http-client's handler. On the channel's event loop.
    static func add(to channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
        try pipeline.addHandler(ResponseGuard(), position: .after(decoder))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do throws(InvalidResponse) {
            if try passes(unwrapInboundIn(data)) { context.fireChannelRead(data) }
        } catch {
            state = .refused
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    private func passes(_ part: HTTPClientResponsePart) throws(InvalidResponse) -> Bool {
        switch (state, part) {
        case (.refused, _):
            return false
        case (.waitingForHead(let informational), .head(let head)):
            return try passes(head.status.code, after: informational)
        case (.waitingForEnd, .body):
            return true
        case (.waitingForEnd, .end):
            state = .waitingForHead(informational: 0)
            return true
        case (.waitingForHead, .body), (.waitingForHead, .end), (.waitingForEnd, .head):
            // The decoder gives no such thing.
            throw InvalidResponse(reason: "its parts are out of order")
        }
    }

    private func passes(_ status: UInt, after informational: Int) throws(InvalidResponse) -> Bool {
        switch status {
        case 200...599:
            state = .waitingForEnd
            return true
        case 100, 102...199:
            guard informational < Self.maxInformational else {
                throw InvalidResponse(reason: "more than \(Self.maxInformational) responses 1xx come before it")
            }
            state = .waitingForHead(informational: informational + 1)
            return false
        case 101:
            throw InvalidResponse(reason: "status 101 (Switching Protocols), which was not asked for")
        default:
            throw InvalidResponse(reason: "status \(status), which HTTP does not have")
        }
    }
}

/// A response that no request can have. The server may have done what it was asked.
package struct InvalidResponse: Error, Equatable, CustomStringConvertible {
    let reason: String

    package var description: String { "the response is not valid HTTP: \(reason)" }
}
