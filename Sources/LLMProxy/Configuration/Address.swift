internal import Glibc

/// Where somebody listens.
struct Address: Sendable, Equatable {
    var host: String
    var port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// - Parameter text: `127.0.0.1:8080`, `[::1]:8080`.
    init(text: String, _ option: String) throws(ProxyConfiguration.Invalid) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw ProxyConfiguration.Invalid(
                description: "\(option) is \"\(text)\"; it must be an address and a port, like 127.0.0.1:8080"
            )
        }
        let host = text[..<colon].trimmingPrefix("[")
        self.init(host: String(host.hasSuffix("]") ? host.dropLast() : host), port: Int(port))
    }

    func url(scheme: String, port: Int) -> String {
        "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}

extension Address {
    /// Whether only this machine can connect to it.
    var isLoopback: Bool { Self.isLoopback(host) }

    /// - Parameter host: a name or an address, without brackets.
    static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased()
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        var address = in6_addr()
        // Safe: both pointers are used for the call only, and an in6_addr has room for both kinds.
        if unsafe inet_pton(AF_INET, name, &address) == 1 {
            return unsafe withUnsafeBytes(of: address) { unsafe $0[0] == 127 }
        }
        guard unsafe inet_pton(AF_INET6, name, &address) == 1 else { return false }
        let bytes = unsafe withUnsafeBytes(of: address) { unsafe Array($0) }
        let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xff, 0xff, 127]
        return bytes == Array(repeating: 0, count: 15) + [1] || bytes.starts(with: mapped)
    }
}
