package import AsyncHTTPClient
internal import NIOCore

extension HTTPClient.Configuration {
    /// What every client of ours is made from: HTTP/1.1, no redirect is followed, a connection that fails is not tried
    /// again, and no response ends the process (``ResponseGuard``).
    package static var guarded: Self {
        var configuration = Self()
        // A followed redirect turns a POST into a GET without a body, which ClickHouse answers 200 "Ok.", and sends
        // secrets to a host that nobody configured.
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        // A refused connection is for the caller to retry, not for the pool until the request's deadline.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Called for each connection when async-http-client's handlers are there and no request is.
        configuration.http1_1ConnectionDebugInitializer = { channel in
            channel.eventLoop.makeCompletedFuture { try ResponseGuard.add(to: channel) }
        }
        return configuration
    }
}
