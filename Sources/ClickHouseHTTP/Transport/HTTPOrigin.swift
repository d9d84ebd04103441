package import AsyncHTTPClient
internal import Foundation

/// The one server that requests may go to: its scheme, host and port, as async-http-client reads them.
package struct HTTPOrigin: Sendable, Hashable {
    /// `http`, `https`, or `http+unix`, whose host is the path of a socket.
    package let scheme: String

    /// An IPv6 address stands in brackets.
    package let host: String
    package let port: Int

    /// - Returns: nil when async-http-client reads no http:// or https:// server in `url`.
    package init?(of url: String) {
        guard let read = Self.read(url) else { return nil }
        self.init(read)
    }

    /// Reads what an operator has configured.
    ///
    /// - Parameter host: the URL's, percent-encoded.
    /// - Returns: nil when async-http-client reads another host in `url`, or would send `url` in another spelling.
    package init?(configured url: String, host: String) {
        self.init(of: url)
        guard self.host == host, !host.contains("%"), (try? request(to: url)) != nil else { return nil }
    }

    private init(_ read: HTTPClient.Request) {
        scheme = read.scheme
        // Of a socket async-http-client gives no host, and its path is the URL's.
        host = read.scheme == "http+unix" ? read.url.host(percentEncoded: true) ?? "" : read.host
        port = read.port
    }

    /// A request to `url`, which must lead here. The one place where requests are made, for the provider and for ClickHouse.
    ///
    /// - Throws: ``StrayURL`` when async-http-client would connect to another scheme, host or port, or would ask for
    ///   anything but what `url` says.
    package func request(to url: String) throws(StrayURL) -> HTTPClientRequest {
        guard let read = Self.read(url), HTTPOrigin(read) == self, read.url.absoluteString.utf8.elementsEqual(url.utf8)
        else { throw StrayURL(origin: self) }
        return HTTPClientRequest(url: url)
    }

    private static func read(_ url: String) -> HTTPClient.Request? {
        // Foundation reads no port where the number is too large for it.
        let namesNoPort = URLComponents(string: url)?.rangeOfPort?.isEmpty ?? true
        // Above, swift-nio ends the program.
        guard let parsed = URL(string: url), (0...65_535).contains(parsed.port ?? (namesNoPort ? 0 : -1)),
            let read = try? HTTPClient.Request(url: parsed), ["http", "https", "http+unix"].contains(read.scheme)
        else { return nil }
        return read
    }
}

/// A URL that leads elsewhere than it must. It is not repeated.
package struct StrayURL: Error, CustomStringConvertible {
    let origin: HTTPOrigin

    package var description: String {
        "the request was not sent: its URL does not lead to \(origin.scheme)://\(origin.host):\(origin.port)"
    }
}
