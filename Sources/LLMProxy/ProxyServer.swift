internal import Glibc
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import ServiceLifecycle

/// Serves a router at an address until shutdown.
struct ProxyServer: Service {
    private let application: any Service
    private let address: ProxyConfiguration.Address
    private let option: String

    /// - Parameters:
    ///   - option: the one that says the address.
    ///   - onRunning: told the URL once it is served.
    init(
        router: Router<BasicRequestContext>,
        address: ProxyConfiguration.Address,
        option: String,
        onRunning: @escaping @Sendable (String) -> Void
    ) {
        var logger = Logger(label: "llm-proxy.http")
        logger.logLevel = .warning
        application = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                serverName: nil
            ),
            onServerRunning: { onRunning(address.url(port: $0.localAddress?.port ?? address.port)) },
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
