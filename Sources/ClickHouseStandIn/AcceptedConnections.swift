package import HummingbirdCore
package import Logging
package import NIOCore
internal import Synchronization

/// Connections that may end unhandled. A server that ends drops those which it has accepted and not begun to handle, and
/// NIO ends the process for a connection that is dropped so (https://github.com/apple/swift-nio/issues/2637): a client
/// that came just then was enough. These are closed in order instead.
package struct AcceptedConnections: ServerChildChannel {
    package final class Connection: ServerChildChannelValue {
        let inner: HTTP1Channel.Value
        private let isHandled = Atomic(false)

        package var channel: any Channel { inner.channel }

        init(_ inner: HTTP1Channel.Value) {
            self.inner = inner
        }

        deinit {
            guard !isHandled.load(ordering: .acquiring) else { return }
            Task { [inner] in try? await inner.executeThenClose { _, _ in } }
        }

        func handle(with base: HTTP1Channel, logger: Logger) async {
            isHandled.store(true, ordering: .releasing)
            await base.handle(value: inner, logger: logger)
        }
    }

    private let base: HTTP1Channel

    package init(_ base: HTTP1Channel) {
        self.base = base
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
        base.setup(channel: channel, logger: logger).map { Connection($0) }
    }

    package func handle(value: Connection, logger: Logger) async {
        await value.handle(with: base, logger: logger)
    }
}
