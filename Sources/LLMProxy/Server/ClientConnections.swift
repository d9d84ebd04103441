internal import HTTPTypes
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
    let base: HTTP1Channel

    /// - Parameter timeout: how long a client may be silent while it has to say something, or take nothing of a response.
    init(responder: @escaping HTTPChannelHandler.Responder, timeout: Duration) {
        base = HTTP1Channel(
            responder: { request, writer, channel in
                if request.headers[.expect]?.lowercased() == "100-continue" {
                    try await writer.writeInformationalHead(HTTPResponse(status: .continue))
                }
                try await responder(request, writer, channel)
            },
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [StalledClientHandler(timeout: TimeAmount(timeout))],
                idleTimeout: TimeAmount(timeout)
            )
        )
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.setOption(.allowRemoteHalfClosure, value: false).flatMap {
            base.setup(channel: channel, logger: logger)
        }.flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(OriginFormHandler(), position: .after(decoder))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        let handling = Task { await base.handle(value: value, logger: logger) }
        value.channel.closeFuture.whenComplete { _ in handling.cancel() }
        await withTaskCancellationHandler {
            await handling.value
        } onCancel: {
            handling.cancel()
        }
    }
}

/// Closes the connection of a client that takes nothing of its response for too long.
final class StalledClientHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let timeout: TimeAmount
    private var closing: Scheduled<Void>?

    init(timeout: TimeAmount) {
        self.timeout = timeout
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        closing?.cancel()
        closing = nil
        if !context.channel.isWritable {
            closing = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { context.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        closing?.cancel()
    }
}
