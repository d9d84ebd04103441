import ClickHouseStandIn
import HummingbirdCore
import Logging
import NIOEmbedded
import TestSupport
import Testing

@Suite(.bounded) struct AcceptedConnectionsTests {
    /// Where the server ends before it handles the connection. Hummingbird's own channel ends the process here.
    @Test func `a connection that is dropped unhandled is closed, and ends nothing else`() async throws {
        let channel = NIOAsyncTestingChannel()
        let connections = AcceptedConnections(HTTP1Channel { _, _, _ in })
        let setup = channel.eventLoop.flatSubmit {
            connections.setup(channel: channel, logger: Logger(label: "test")).map { _ in }
        }
        try await setup.get()
        try await channel.closeFuture.get()
    }
}
