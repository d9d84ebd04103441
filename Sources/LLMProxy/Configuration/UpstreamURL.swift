internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import Foundation

/// Where the provider's API is.
struct UpstreamURL: Sendable, Equatable, CustomStringConvertible {
    /// In front of the path of every request, which begins with `/v1`: without a slash at its end. Safe to log.
    let description: String

    /// As traces name the provider: an IPv6 address without its brackets.
    let host: String

    private let origin: HTTPOrigin

    var usesTLS: Bool { origin.scheme == "https" }

    /// - Parameter text: as people write it, with or without `/v1` at its end. It is not repeated in an error, because it
    ///   may hold a password.
    init(text: String, _ option: String) throws(ProxyConfiguration.Invalid) {
        func invalid(_ reason: String) -> ProxyConfiguration.Invalid {
            ProxyConfiguration.Invalid(description: "\(option) \(reason)")
        }
        guard let components = URLComponents(string: text, encodingInvalidCharacters: false),
            let scheme = components.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let host = components.percentEncodedHost, !host.isEmpty
        else { throw invalid("must be a URL like https://api.openai.com, or like http://127.0.0.1:8000 with a port") }
        guard components.user == nil, components.password == nil else {
            throw invalid("must not hold a user or password; a key goes in UPSTREAM_API_KEY")
        }
        guard components.port.map({ (1...65_535).contains($0) }) ?? true else {
            throw invalid("has a port that is none; ports are from 1 to 65535")
        }
        guard components.query == nil else { throw invalid("must not have a query, which is what is behind a ?") }
        guard components.fragment == nil else { throw invalid("must not have a fragment, which is what is behind a #") }
        var path = components.percentEncodedPath
        if path.hasSuffix("/") { path.removeLast() }
        // Where others want the API's root, which the path of every request begins with here.
        if path.hasSuffix("/v1") { path.removeLast("/v1".count) }
        do throws(InvalidTarget) {
            if !path.isEmpty { _ = try RequestTarget(path) }
        } catch {
            throw invalid("has a path that cannot be used: it \(error)")
        }
        let url = "\(scheme)://\(host)\(components.port.map { ":\($0)" } ?? "")\(path)"
        guard let origin = HTTPOrigin(configured: url, host: host) else {
            throw invalid("must be a URL like https://api.openai.com; its host is spelled in an unusual way")
        }
        self.origin = origin
        self.host = String(host.trimmingPrefix("[").prefix { $0 != "]" })
        description = url
    }

    /// - Throws: ``StrayURL`` when it would go anywhere but to the provider.
    func request(to target: RequestTarget) throws(StrayURL) -> HTTPClientRequest {
        try origin.request(to: "\(self)\(target.text)")
    }
}
