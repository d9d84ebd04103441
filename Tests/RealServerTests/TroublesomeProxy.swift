import AsyncHTTPClient
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression
import NIOPosix
import Synchronization

/// A proxy on 127.0.0.1 between the writer and ClickHouse that does to inserts what networks do to them.
final class TroublesomeProxy: Sendable {
    /// What becomes of one insert.
    enum Trouble: Sendable {
        case none
        /// It is stored, and nobody hears of it.
        case loseReply
        /// Its connection ends while it runs.
        case hangUp
        /// Only so many of its rows are stored, and nobody hears of it.
        case storePrefix(rows: Int)
        /// ClickHouse gets half of its bytes and then the end of the connection.
        case cutBody
        /// Afterwards nobody listens until ``listen()``.
        indirect case thenLeave(Trouble)
    }

    /// An insert that ClickHouse answered with 200.
    struct Insert: Sendable {
        let rows: [String]
    }

    private struct State {
        var troubles: [Trouble]
        var inserts: [Insert] = []
        var attempts = 0
        var port = 0
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
    }

    private let upstream: String
    private let intermediary: Intermediary
    private let client: HTTPClient
    private let state: Mutex<State>

    private init(upstream: String, troubles: [Trouble], intermediary: Intermediary) {
        self.upstream = upstream
        self.intermediary = intermediary
        var configuration = HTTPClient.Configuration()
        // Old servers close what rests for 3 s.
        configuration.connectionPool.idleTimeout = .seconds(1)
        client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
        state = Mutex(State(troubles: troubles))
    }

    /// Runs `body` with a proxy before `upstream` and stops it afterwards.
    ///
    /// - Parameter troubles: what the first inserts meet; all is well with those after them.
    static func withProxy(
        to upstream: String,
        _ troubles: [Trouble] = [],
        intermediary: Intermediary = .transparent,
        _ body: (TroublesomeProxy) async throws -> Void
    ) async throws {
        let proxy = TroublesomeProxy(upstream: upstream, troubles: troubles, intermediary: intermediary)
        let result: Result<Void, any Error>
        do {
            try await proxy.listen()
            try await body(proxy)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await proxy.leave()
        try await proxy.client.shutdown()
        try result.get()
    }

    var url: String { "http://127.0.0.1:\(state.withLock(\.port))" }

    /// Every insert that ClickHouse took, in the order in which it did.
    var inserts: [Insert] { state.withLock(\.inserts) }

    /// Requests with rows, whatever became of them.
    var attempts: Int { state.withLock(\.attempts) }

    /// Whether every trouble has struck.
    var isThroughTroubles: Bool { state.withLock(\.troubles.isEmpty) }

    /// On any free port, and again on that one.
    func listen() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                self.state.withLock { $0.connections[ObjectIdentifier(channel)] = channel }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(NIOHTTPServerRequestAggregator(maxContentLength: 1 << 28))
                    try pipeline.addHandler(Handler(self))
                }
            }
            .bind(host: "127.0.0.1", port: state.withLock(\.port))
            .get()
        state.withLock { state in
            state.listener = listener
            state.port = listener.localAddress?.port ?? 0
        }
    }

    /// Connections are refused from now on, and those that there are end.
    func leave() async {
        let (listener, connections) = state.withLock { state in
            defer { (state.listener, state.connections) = (nil, [:]) }
            return (state.listener, state.connections.values)
        }
        // They may be closed already.
        try? await listener?.close()
        for connection in connections { try? await connection.close() }
    }

    // MARK: One request

    /// - Returns: nil when the connection is to be cut.
    private func answer(_ request: NIOHTTPServerRequestFull) async throws -> NIOHTTPClientResponseFull? {
        guard request.head.uri.contains("INSERT") else { return try await forward(request) }
        let trouble = state.withLock { state in
            state.attempts += 1
            return state.troubles.isEmpty ? .none : state.troubles.removeFirst()
        }
        return try await answer(request, trouble)
    }

    private func answer(
        _ request: NIOHTTPServerRequestFull,
        _ trouble: Trouble
    ) async throws -> NIOHTTPClientResponseFull? {
        if try Self.rows(of: request).count > intermediary.mostRows { return nil }
        switch trouble {
        case .none:
            return try await insert(request)
        case .loseReply:
            _ = try await insert(request)
        case .hangUp:
            _ = Task { try await self.insert(request) }
        case .storePrefix(let rows):
            var part = request
            part.head.headers.remove(name: "Content-Encoding")
            part.body = ByteBuffer(string: try Self.rows(of: request).prefix(rows).map { $0 + "\n" }.joined())
            _ = try await insert(part)
        case .cutBody:
            try await sendHalf(of: request)
        case .thenLeave(let trouble):
            _ = try await answer(request, trouble)
            await leave()
        }
        return nil
    }

    private func insert(_ request: NIOHTTPServerRequestFull) async throws -> NIOHTTPClientResponseFull {
        let response = try await forward(request)
        let insert = Insert(rows: try Self.rows(of: request))
        if response.head.status == .ok { state.withLock { $0.inserts.append(insert) } }
        return response
    }

    private func forward(_ request: NIOHTTPServerRequestFull) async throws -> NIOHTTPClientResponseFull {
        var message = HTTPClientRequest(url: upstream + intermediary.pass(uri: request.head.uri))
        message.method = request.head.method
        message.headers = request.head.headers
        for name in Self.headersOfConnection { message.headers.remove(name: name) }
        // An idle connection may be closed by the server in the moment in which it is taken again.
        message.headers.add(name: "Connection", value: "close")
        message.body = .bytes(request.body ?? ByteBuffer())
        let response = try await client.execute(message, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 1 << 26)
        var head = HTTPResponseHead(
            version: .http1_1,
            status: response.status,
            headers: intermediary.pass(response.headers)
        )
        for name in Self.headersOfConnection { head.headers.remove(name: name) }
        head.headers.add(name: "Content-Length", value: "\(body.readableBytes)")
        return NIOHTTPClientResponseFull(head: head, body: body)
    }

    private static let headersOfConnection = [
        "Host", "Connection", "Keep-Alive", "Content-Length", "Transfer-Encoding",
    ]

    /// Announces the whole body, and returns when ClickHouse has ended the connection.
    private func sendHalf(of request: NIOHTTPServerRequestFull) async throws {
        let body = request.body ?? ByteBuffer()
        var bytes = ByteBuffer(string: "\(request.head.method) \(request.head.uri) HTTP/1.1\r\n")
        for (name, value) in request.head.headers { bytes.writeString("\(name): \(value)\r\n") }
        bytes.writeString("\r\n")
        bytes.writeBytes(body.readableBytesView.prefix(body.readableBytes / 2))
        let address = upstream.split(separator: "/").last?.split(separator: ":") ?? []
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: false)
            .connect(host: address.first.map(String.init) ?? "", port: address.last.flatMap { Int($0) } ?? 0)
            .get()
        try await channel.writeAndFlush(bytes)
        try await channel.close(mode: .output)
        try await channel.closeFuture.get()
    }

    // MARK: Rows

    /// The lines of the body, unpacked.
    private static func rows(of request: NIOHTTPServerRequestFull) throws -> [String] {
        let body = try unpack(request)
        return body.readableBytesView.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func unpack(_ request: NIOHTTPServerRequestFull) throws -> ByteBuffer {
        let body = request.body ?? ByteBuffer()
        guard request.head.headers.contains(name: "Content-Encoding") else { return body }
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(NIOHTTPRequestDecompressor(limit: .none))
        try channel.writeInbound(HTTPServerRequestPart.head(request.head))
        try channel.writeInbound(HTTPServerRequestPart.body(body))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        var unpacked = ByteBuffer()
        while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
            if case .body(var piece) = part { unpacked.writeBuffer(&piece) }
        }
        _ = try channel.finish(acceptAlreadyClosed: true)
        return unpacked
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = NIOHTTPServerRequestFull
        typealias OutboundOut = HTTPServerResponsePart

        private let proxy: TroublesomeProxy

        init(_ proxy: TroublesomeProxy) {
            self.proxy = proxy
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let request = unwrapInboundIn(data)
            context.eventLoop.makeFutureWithTask { [proxy] in try await proxy.answer(request) }
                .assumeIsolated()
                .whenComplete { result in
                    guard case .success(let response?) = result else { return context.close(promise: nil) }
                    context.write(self.wrapOutboundOut(.head(response.head)), promise: nil)
                    if let body = response.body {
                        context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
                    }
                    context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
                }
        }

        func channelInactive(context: ChannelHandlerContext) {
            proxy.forget(context.channel)
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    private func forget(_ channel: any Channel) {
        _ = state.withLock { $0.connections.removeValue(forKey: ObjectIdentifier(channel)) }
    }
}
