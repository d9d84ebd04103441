/// One HTTP exchange. Tests put their own in the place of the network.
package protocol HTTPTransport: Sendable {
    /// Sends `request` and reads the whole response, its body up to ``HTTPRequest/responseLimit``.
    ///
    /// - Parameter timeout: for everything from connecting to the last byte of the response.
    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportFailure) -> HTTPResponse

    /// Reads the files anew that say how TLS is done, and tells what came of it where it was told to.
    func rereadTLSFiles() async

    /// Closes the connections. Nothing may be sent afterwards.
    func close() async
}

extension HTTPTransport {
    package func rereadTLSFiles() async {}
}

/// A POST.
package struct HTTPRequest: Sendable {
    /// Where `url` must lead.
    package var origin: HTTPOrigin
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    /// The most bytes of a response's body that are kept; what follows is not read.
    package var responseLimit: Int

    package static let usualResponseLimit = 64 << 10

    package init(
        origin: HTTPOrigin,
        url: String,
        headers: [(name: String, value: String)],
        body: [UInt8],
        responseLimit: Int = usualResponseLimit
    ) {
        self.origin = origin
        self.url = url
        self.headers = headers
        self.body = body
        self.responseLimit = responseLimit
    }
}

package struct HTTPResponse: Sendable {
    package var status: Int
    /// By lower-case name.
    package var headers: [String: String]
    package var body: [UInt8]

    package init(status: Int, headers: [String: String] = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Whether the server says that the query failed, be its code readable or not.
    var hasException: Bool { headers["x-clickhouse-exception-code"] != nil }

    var exceptionCode: Int? {
        headers["x-clickhouse-exception-code"].flatMap { Int($0) }
    }

    /// Only the form in seconds: ClickHouse and its gateways send no other. Above an hour it is taken as an hour.
    var retryAfter: Duration? {
        headers["retry-after"].flatMap { Int($0) }.map { .seconds(min(max($0, 0), 3_600)) }
    }
}

/// There is no response: what went wrong, in plain words.
package struct TransportFailure: Error, Sendable, Equatable {
    package let message: String

    /// Whether the server cannot have seen the request.
    package let isBeforeSending: Bool
}
