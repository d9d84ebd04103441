internal import ClickHouseHTTP
internal import NIOCore
internal import NIOHTTP1

/// Hides from all that follows a request target that is no path.
///
/// The handler behind it, swift-nio-extras' `HTTP1ToHTTPServerCodec`, makes `/path` of `http://host/path`, leaves alone what
/// it cannot parse, and makes spaces of control characters: what the client wrote is known here only. `*` takes its place,
/// which that handler leaves as it is and ``TargetCheck`` refuses.
final class OriginFormHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data), !RequestTarget.isOriginForm(head.uri) else {
            context.fireChannelRead(data)
            return
        }
        head.uri = "*"
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
