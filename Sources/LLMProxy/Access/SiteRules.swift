internal import Foundation
internal import Glibc

/// Which web pages' requests are answered where nobody is asked for a key.
///
/// A page from elsewhere makes the browser of someone who can reach the proxy send requests there. Such a request says in
/// `Origin` where the page is from, or, when the page's own name was made to lead to the proxy (DNS rebinding), that name in
/// `Host`. So a name is answered that is known to be the proxy's. An address always is: nobody can make it lead elsewhere.
struct SiteRules: Sendable {
    enum Violation: Equatable {
        case unknownHost
        case foreignOrigin
    }

    /// Lower case, and without a dot at the end.
    private let known: Set<String>

    /// As `--allowed-hosts` names them. Their pages may send requests, too.
    private let allowed: Set<String>

    private let allowsAll: Bool

    /// - Parameters:
    ///   - allowed: names, or `*` for all.
    ///   - own: those that the machine and the listening addresses have.
    init(allowed: [String] = [], own: [String] = []) {
        self.allowed = Set(allowed.map { Self.normalised($0) })
        known = self.allowed.union(own.map { Self.normalised($0) })
        allowsAll = allowed.contains("*")
    }

    /// - Parameters:
    ///   - host: what the request says in `Host`; nil when it does not, as no browser does.
    ///   - origin: what it says in `Origin`.
    func violation(host: String?, origin: String?) -> Violation? {
        if allowsAll { return nil }
        if let host, !knows(Self.name(in: host)) { return .unknownHost }
        guard let origin else { return nil }
        // The scheme may be another before the proxy that ends TLS.
        guard let separator = origin.range(of: "://"), ["http", "https"].contains(origin[..<separator.lowerBound])
        else { return .foreignOrigin }
        let authority = origin[separator.upperBound...].lowercased()
        let isOwn = host.map { $0.lowercased() == authority } ?? false
        return isOwn || allowed.contains(Self.name(in: authority)) ? nil : .foreignOrigin
    }

    private func knows(_ name: String) -> Bool {
        name == "localhost" || name.hasSuffix(".localhost") || Self.isAddress(name) || known.contains(name)
    }

    /// Without the port.
    private static func name(in authority: String) -> String {
        if authority.hasPrefix("[") { return normalised(String(authority.dropFirst().prefix { $0 != "]" })) }
        return normalised(String(authority.prefix { $0 != ":" }))
    }

    private static func normalised(_ name: String) -> String {
        let lower = name.lowercased()
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }

    /// Whether it is an IP address and no name.
    static func isAddress(_ name: String) -> Bool {
        var address = in6_addr()
        // Safe: both pointers are used for the call only, and an in6_addr has room for both kinds.
        return unsafe inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1
    }

    /// The machine's own name; nil when it has none.
    static var machineName: String? {
        var name = [CChar](repeating: 0, count: 256)
        // Safe: the last byte stays zero.
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return nil }
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
