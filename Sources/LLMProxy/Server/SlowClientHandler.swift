internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Hangs up on a client that sends its request, or takes its response, more slowly than ``ClientLimits`` allow. A stream
/// that is slow because the provider is slow has nothing that waits for the client, and is never cut.
final class SlowClientHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ClientLimits
    private let window: TimeAmount

    /// How many written bytes the client's socket has not taken.
    private let pendingBytes: (any Channel) -> Int

    /// The pace of a request's body; nil when none is on its way.
    private var sending: ClientPace?

    /// The pace of a response; nil while the client takes all that there is.
    private var taking: ClientPace?
    private var lastPending = 0
    private var writtenSince = 0

    private var isReading = false
    private var isTicking = false
    private var arrival = RequestArrival()
    private var lingerEnd: NIODeadline?

    init(
        limits: ClientLimits,
        pendingBytes: @escaping (any Channel) -> Int = {
            (try? $0.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        }
    ) {
        self.limits = limits
        window = TimeAmount(limits.window)
        self.pendingBytes = pendingBytes
    }

    func read(context: ChannelHandlerContext) {
        isReading = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        arrival.receive(part)
        switch part {
        case .head: break
        case .body(let bytes): sending?.add(bytes.readableBytes)
        case .end:
            sending = nil
            lingerEnd = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        // Most requests arrive at once, and need no watching.
        if arrival.isOpen, sending == nil {
            sending = ClientPace(window: window, start: context.eventLoop.now)
            tick(context)
        }
        context.fireChannelReadComplete()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind == .informational: arrival.isContinued = true
        case .head(var head) where arrival.waitsForContinue:
            // Nobody knows whether such a client still sends its body: it may not be taken for the next request.
            head.headerFields[.connection] = "close"
            return context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .head: break
        case .body(let bytes): writtenSince += bytes.readableBytes
        case .end where arrival.waitsForContinue:
            let written = promise ?? context.eventLoop.makePromise()
            let channel = context.channel
            written.futureResult.whenComplete { _ in channel.close(promise: nil) }
            return context.writeAndFlush(data, promise: written)
        case .end:
            arrival.answers += 1
            if arrival.isOpen, arrival.isAnswered {
                lingerEnd = context.eventLoop.now + TimeAmount(ClientLimits.lingerTimeout)
            }
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !context.channel.isWritable, taking == nil {
            taking = ClientPace(window: window, start: context.eventLoop.now)
            lastPending = pendingBytes(context.channel)
            writtenSince = 0
            tick(context)
        }
        context.fireChannelWritabilityChanged()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        sending = nil
        taking = nil
    }

    /// Looks at the paces as long as there is one.
    private func tick(_ context: ChannelHandlerContext) {
        guard !isTicking else { return }
        isTicking = true
        let interval = TimeAmount.nanoseconds(min(window.nanoseconds / 10, 1_000_000_000))
        context.eventLoop.assumeIsolated().scheduleTask(in: interval) { [self] in
            isTicking = false
            guard context.channel.isActive, sending != nil || taking != nil else { return }
            if isTooSlow(context) { context.close(promise: nil) } else { tick(context) }
        }
    }

    private func isTooSlow(_ context: ChannelHandlerContext) -> Bool {
        let now = context.eventLoop.now
        if let lingerEnd, now >= lingerEnd { return true }
        if !isReading { sending?.excuse() }
        let bodyRate = limits.minBodyRate(heldBytes: arrival.heldBytes)
        if sending?.isTooSlow(at: now, minRate: bodyRate) == true { return true }
        guard taking != nil else { return false }
        let pending = pendingBytes(context.channel)
        taking?.add(max(0, lastPending + writtenSince - pending))
        lastPending = pending
        writtenSince = 0
        guard pending > 0 else {
            taking = nil
            return false
        }
        return taking?.isTooSlow(at: now, minRate: limits.minRate) == true
    }
}
