import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A server on 127.0.0.1 that answers requests with an empty 200, and can be unfriendly about it.
struct LoopbackServer {
    enum Behaviour {
        case friendly
        /// Each connection is cut when something has come, whatever it is.
        case cutsAtOnce
        /// Each connection is cut right after its first response, which does not announce it.
        case cutsAfterResponse
        /// The connection of every second request is cut when it has come.
        case cutsEverySecondRequest
        /// The response breaks off before the length that it announces.
        case cutsResponse
        /// The response's body goes on for ever.
        case neverEnds
    }

    let port: Int

    /// Runs `body` with a server, with TLS where `tls` is given, and stops it afterwards.
    static func withServer(
        tls: TLSConfiguration? = nil,
        _ behaviour: Behaviour = .friendly,
        _ body: (LoopbackServer) async throws -> Void
    ) async throws {
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let counter = Counter()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if behaviour == .cutsAtOnce { return try pipeline.addHandler(CuttingHandler()) }
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(Handler(behaviour, counter))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        do {
            try await body(LoopbackServer(port: listener.localAddress?.port ?? 0))
        } catch {
            try await listener.close()
            throw error
        }
        try await listener.close()
    }

    /// Of the requests over all connections: a slow machine may take a new one for each.
    private final class Counter: Sendable {
        private let count = Mutex(0)

        func next() -> Int {
            count.withLock { count in
                count += 1
                return count
            }
        }
    }

    private final class CuttingHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.close(promise: nil)
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let behaviour: Behaviour
        private let counter: Counter

        init(_ behaviour: Behaviour, _ counter: Counter) {
            self.behaviour = behaviour
            self.counter = counter
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            if behaviour == .cutsEverySecondRequest, counter.next().isMultiple(of: 2) {
                context.close(promise: nil)
                return
            }
            switch behaviour {
            case .cutsResponse: return answerInPart(context)
            case .neverEnds: return answerForEver(context)
            case .friendly, .cutsAtOnce, .cutsAfterResponse, .cutsEverySecondRequest: break
            }
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["Content-Length": "0"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            if behaviour == .cutsAfterResponse { context.close(promise: nil) }
        }

        private func answerInPart(_ context: ChannelHandlerContext) {
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["Content-Length": "100"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "abc")))), promise: nil)
            context.close(promise: nil)
        }

        private func answerForEver(_ context: ChannelHandlerContext) {
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["Transfer-Encoding": "chunked"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            writeMore(context)
        }

        /// The next part when the one before is gone, until the connection is.
        private func writeMore(_ context: ChannelHandlerContext) {
            let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(repeating: 0x20, count: 10_000)))
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(part)).whenSuccess { handler.value.writeMore(bound.value) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
