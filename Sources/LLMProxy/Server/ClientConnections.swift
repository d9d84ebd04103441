internal import ClickHouseStandIn
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// Handles each client's connection in a task that is cancelled when the client hangs up, and with it everything that is
/// done for the client: the request to the provider above all.
///
/// A client that closes only its own direction counts as gone, as it does for nginx and for Go's server: there is no way
/// to tell it from one that has closed both.
struct ClientConnections: ServerChildChannel {
    private let base: AcceptedConnections

    /// What may wait for a client in this process, in bytes: the proxy writes no more before it is less.
    private static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 8 << 10, high: 16 << 10)

    /// What may wait for a client in the kernel and is not on its way, in bytes. Does not slow down those who read.
    private static let maxUnsent = 64 << 10

    init(responder: @escaping HTTPChannelHandler.Responder, limits: ClientLimits) {
        let channel = HTTP1Channel(
            responder: { request, writer, channel in
                guard request.headers.expectsContinue else { return try await responder(request, writer, channel) }
                let body = ContinuedBody(base: request.body, channel: channel)
                let continued = Request(head: request.head, body: RequestBody(asyncSequence: body))
                try await responder(continued, writer, channel)
            },
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [SlowClientHandler(limits: limits)],
                idleTimeout: TimeAmount(limits.timeout)
            )
        )
        base = AcceptedConnections(channel)
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<AcceptedConnections.Connection> {
        channel.setOption(.allowRemoteHalfClosure, value: false).flatMap {
            channel.setOption(.writeBufferWaterMark, value: Self.waterMark)
        }.flatMap {
            // Not every system has it, and all goes well without.
            channel.setOption(.tcpOption(.init(rawValue: TCP_NOTSENT_LOWAT)), value: Self.maxUnsent).recover { _ in }
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }.flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(OriginFormHandler(), position: .after(decoder))
            return value
        }
    }

    func handle(value: AcceptedConnections.Connection, logger: Logger) async {
        let handling = Task { await base.handle(value: value, logger: logger) }
        value.channel.closeFuture.whenComplete { _ in handling.cancel() }
        await withTaskCancellationHandler {
            await handling.value
        } onCancel: {
            handling.cancel()
        }
    }
}
