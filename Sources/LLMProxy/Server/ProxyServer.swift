internal import ClickHouseHTTP
internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import ServiceLifecycle

/// Serves a router at an address until shutdown.
struct ProxyServer: Service {
    private let application: any Service
    private let address: Address
    private let option: String

    /// - Parameters:
    ///   - option: the one that says the address.
    ///   - clients: how slow they may be.
    ///   - maxConnections: how many there may be at once. More wait until one ends.
    ///   - certificate: what is shown to clients; nil for plain http.
    ///   - onRunning: told the URL once it is served.
    init(
        router: Router<BasicRequestContext>,
        address: Address,
        option: String,
        clients: ClientLimits,
        maxConnections: Int,
        certificate: TLSRenewal<NIOSSLContext>?,
        onRunning: @escaping @Sendable (String) -> Void
    ) {
        var logger = Logger(label: "llm-proxy.http")
        logger.logLevel = .warning
        let server = HTTPServerBuilder { responder in
            let connections = ClientConnections(responder: responder, limits: clients)
            return certificate.map { TLSConnections(base: connections, certificate: $0) } ?? connections
        }
        let scheme = certificate == nil ? "http" : "https"
        application = Application(
            router: router,
            server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                serverName: nil,
                // The kernel's own limit: after a restart all clients come at once.
                backlog: 4_096,
                availableConnectionsDelegate: .maximum(maxConnections, logger: logger)
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
