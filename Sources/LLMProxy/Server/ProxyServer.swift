internal import ClickHouseHTTP
internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
internal import Logging
internal import NIOCore
internal import ServiceLifecycle

/// Serves a router at an address until shutdown.
struct ProxyServer: Service {
    private let application: any Service
    private let address: Address
    private let option: String

    /// - Parameters:
    ///   - option: the one that says the address.
    ///   - clients: how slow they may be.
    ///   - tls: what is shown to clients; empty for plain http.
    ///   - onRunning: told the URL once it is served.
    /// - Throws: when a TLS file cannot be used.
    init(
        router: Router<BasicRequestContext>,
        address: Address,
        option: String,
        clients: ClientLimits,
        tls: TLSFiles,
        onRunning: @escaping @Sendable (String) -> Void
    ) throws {
        var logger = Logger(label: "llm-proxy.http")
        logger.logLevel = .warning
        let plain = HTTPServerBuilder { ClientConnections(responder: $0, limits: clients) }
        let tlsConfiguration = try tls.serverConfiguration()
        let scheme = tlsConfiguration == nil ? "http" : "https"
        application = Application(
            router: router,
            server: try tlsConfiguration.map { try .tls(plain, tlsConfiguration: $0) } ?? plain,
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                serverName: nil,
                // The kernel's own limit: after a restart all clients come at once.
                backlog: 4_096
            ),
            onServerRunning: {
                onRunning(address.url(scheme: scheme, port: $0.localAddress?.port ?? address.port))
            },
            logger: logger
        )
        self.address = address
        self.option = option
    }

    func run() async throws {
        do {
            try await application.run()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ProxyConfiguration.Invalid(
                description: "\(address.host):\(address.port) is in use; choose another with \(option)"
            )
        }
    }
}
