internal import ClickHouseHTTP
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOSSL

/// Speaks TLS with the certificate that is in force when a client connects.
struct TLSConnections<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let certificate: TLSRenewal<NIOSSLContext>

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        certificate.current(on: channel.eventLoop).flatMapThrowing { context in
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}
