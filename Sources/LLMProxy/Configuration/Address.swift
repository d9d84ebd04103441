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
