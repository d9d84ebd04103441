internal import Foundation

package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// `http://host:8123` or `https://host:8443/prefix`, without a slash at its end. Safe to log.
    package let url: String

    /// Where every URL that begins with `url` must lead.
    package let origin: HTTPOrigin

    package var description: String { url }

    package var usesTLS: Bool { url.hasPrefix("https:") }

    /// Reads a URL as people write it. A user and password in it are taken out and returned beside the endpoint, so
    /// that they reach neither a log nor a request line.
    ///
    /// - Throws: ``InvalidEndpoint`` saying what is wrong, never repeating a password.
    package static func parse(_ text: String) throws(InvalidEndpoint) -> (endpoint: Endpoint, credentials: Credentials?)
    {
        let example = "write it like http://localhost:8123"
        guard let separator = text.range(of: "://") else {
            throw InvalidEndpoint("it has no http:// or https:// in front; \(example)")
        }
        let scheme = text[..<separator.lowerBound].lowercased()
        guard ["http", "https"].contains(scheme) else {
            let reason =
                "it must start with http:// or https://, not with \(scheme)://; ClickHouse is written to by HTTP"
            throw InvalidEndpoint(reason)
        }
        guard !text.contains(where: \.isWhitespace) else { throw InvalidEndpoint("there is a space in it; \(example)") }
        guard let components = URLComponents(string: text, encodingInvalidCharacters: false),
            let host = components.host, !host.isEmpty
        else {
            throw InvalidEndpoint(
                "it is not a URL like http://localhost:8123 "
                    + "(in a user or password write / as %2F, : as %3A, @ as %40, % as %25)"
            )
        }
        guard components.port.map({ (1...65_535).contains($0) }) ?? true else {
            throw InvalidEndpoint("ports are from 1 to 65535; ClickHouse's is 8123, or 8443 for https://")
        }
        guard components.query == nil, components.fragment == nil else {
            throw InvalidEndpoint(
                "it must not have a query, what is behind ? or #; database, table and user are settings of their own"
            )
        }
        var path = components.percentEncodedPath
        while path.hasSuffix("/") { path.removeLast() }
        let port = components.port.map { ":\($0)" } ?? (scheme == "https" ? ":8443" : ":8123")
        let credentials = components.user.map { Credentials(user: $0, password: components.password ?? "") }
        let encodedHost = components.percentEncodedHost ?? host
        let url = "\(scheme)://\(encodedHost)\(port)\(path)"
        guard let origin = HTTPOrigin(configured: url, host: encodedHost) else {
            throw InvalidEndpoint("its host or path is spelled in an unusual way; \(example)")
        }
        do throws(InvalidTarget) {
            if !path.isEmpty { _ = try RequestTarget(path) }
        } catch {
            throw InvalidEndpoint("its path \(error)")
        }
        return (Endpoint(url: url, origin: origin), credentials)
    }
}

/// Why a text is not an endpoint. The text itself is not repeated: it may hold a password.
package struct InvalidEndpoint: Error, CustomStringConvertible {
    package let reason: String

    init(_ reason: String) { self.reason = reason }

    package var description: String { "a ClickHouse URL cannot be used: \(reason)" }
}
