import NIOCore
import NIOPosix
import Synchronization

/// What a ``RawServer`` says on a connection, whatever it is sent.
package struct RawAnswer: Sendable {
    /// Sent one after the other, each in a packet of its own where the system does so.
    package var parts: [[UInt8]]

    /// Whether it does not wait for the first bytes of a request.
    package var isEarly = false

    /// Whether the connection ends behind it.
    package var ends = true

    package init(parts: [[UInt8]], isEarly: Bool = false, ends: Bool = true) {
        self.parts = parts
        self.isEarly = isEarly
        self.ends = ends
    }

    package init(_ text: String, isEarly: Bool = false, ends: Bool = true) {
        self.init(parts: [Array(text.utf8)], isEarly: isEarly, ends: ends)
    }
}

/// A server that reads no HTTP and writes what it is told.
package final class RawServer: Sendable {
    private let answer: Mutex<RawAnswer>
    private let connectionCount = Atomic(0)
    private let listener: Mutex<(any Channel)?> = Mutex(nil)

    /// How many connections were made.
    package var connections: Int { connectionCount.load(ordering: .relaxed) }

    /// Where it listens: a port of 127.0.0.1, or a socket's path.
    package private(set) var url: String {
        get { address.withLock { $0 } }
        set { address.withLock { $0 = newValue } }
    }

    private let address = Mutex("")

    private init(_ answer: RawAnswer) {
        self.answer = Mutex(answer)
    }

    /// - Parameter socketPath: of a new socket to listen at; nil takes a free port.
    package static func start(_ answer: RawAnswer, socketPath: String? = nil) async throws -> RawServer {
        let server = RawServer(answer)
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    server.connectionCount.add(1, ordering: .relaxed)
                    try channel.pipeline.syncOperations.addHandler(Handler(server.answer.withLock { $0 }))
                }
            }
        let listener: any Channel
        if let socketPath {
            listener = try await bootstrap.bind(unixDomainSocketPath: socketPath).get()
            server.url = "http+unix://" + socketPath.split(separator: "/").map { "%2F" + $0 }.joined()
        } else {
            listener = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            server.url = "http://127.0.0.1:\(listener.localAddress?.port ?? 0)"
        }
        server.listener.withLock { $0 = listener }
        return server
    }

    /// Runs `body` with a server at a free port.
    package static func run<Value>(
        _ answer: RawAnswer,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (RawServer) async throws -> Value
    ) async throws -> Value {
        let server = try await start(answer)
        do {
            let value = try await body(server)
            await server.stop()
            return value
        } catch {
            await server.stop()
            throw error
        }
    }

    /// For the connections from now on.
    package func say(_ answer: RawAnswer) {
        self.answer.withLock { $0 = answer }
    }

    package func stop() async {
        try? await listener.withLock { $0 }?.close()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: RawAnswer
        private var isSaid = false

        init(_ answer: RawAnswer) {
            self.answer = answer
        }

        func channelActive(context: ChannelHandlerContext) {
            if answer.isEarly { say(context) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            say(context)
        }

        private func say(_ context: ChannelHandlerContext) {
            guard !isSaid else { return }
            isSaid = true
            for part in answer.parts {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: part)), promise: nil)
            }
            // Not all of it: closed with something unread, the connection would be reset and the answer lost.
            if answer.ends { context.close(mode: .output, promise: nil) }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
