internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import ClickHouseStandIn
internal import ClickHouseWriter
internal import Foundation
internal import Glibc
internal import Hummingbird
internal import LLMTraces
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals

/// Puts the parts together and runs them until a signal.
enum ProxyProcess {
    static func run(_ given: ProxyConfiguration) async throws {
        var configuration = given
        let standIn = try await startStandIn(&configuration)
        let tableMaker = TableMaker(configuration: configuration.writer, logger: Logger(label: "llm-proxy.table"))
        if configuration.createsTable { await tableMaker.attempt() }
        let writer = try BatchWriter<TraceRecord>(
            configuration: configuration.writer,
            logger: Logger(label: "llm-proxy.traces")
        )
        let recorder = TraceRecorder(writer: writer, logger: Logger(label: "llm-proxy.recorder"))
        let client = makeHTTPClient()
        let application = makeApplication(configuration, recorder: recorder, client: client) { [configuration] port in
            announce(configuration, port: port, writer: writer, standIn: standIn)
        }
        // The last is shut down first: no more requests, then no more traces, then the writer, then its stand-in.
        let optional: [(any Service)?] = [standIn, configuration.createsTable ? tableMaker : nil]
        let server = TimeLimitedShutdown(service: application, limit: ProxyConfiguration.openResponsesTimeout)
        let services = optional.compactMap { $0 } + [writer, recorder, server]
        var group = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "llm-proxy")
        )
        group.maximumGracefulShutdownDuration = .seconds(10)
        let result = await Result { try await ServiceGroup(configuration: group).run() }
        try await client.shutdown()
        do {
            try result.get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ProxyConfiguration.Invalid(
                description: "\(configuration.host):\(configuration.port) is in use; choose another with --listen"
            )
        }
    }

    private static func startStandIn(_ configuration: inout ProxyConfiguration) async throws -> StandInServer? {
        guard configuration.writer.urls.isEmpty else { return nil }
        let server = try await StandInServer.start(store: StandInStore(path: configuration.standInStorePath))
        configuration.writer.urls = [server.url]
        return server
    }

    private static func makeHTTPClient() -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(10)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: configuration)
    }

    private static func makeApplication(
        _ configuration: ProxyConfiguration,
        recorder: TraceRecorder,
        client: HTTPClient,
        onRunning: @escaping @Sendable (Int) -> Void
    ) -> some ApplicationProtocol {
        let provider: any ChatProvider =
            configuration.upstreamURL.map { UpstreamProvider(url: $0, client: client) } ?? EchoProvider()
        let handler = ChatCompletionsHandler(provider: provider, recorder: recorder)
        let router = Router()
        router.post("/v1/chat/completions") { request, _ in await handler.handle(request) }
        var logger = Logger(label: "llm-proxy.http")
        logger.logLevel = .warning
        return Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                serverName: nil
            ),
            onServerRunning: { onRunning($0.localAddress?.port ?? configuration.port) },
            logger: logger
        )
    }

    /// One line each, at once: somebody, or a script, waits for them.
    private static func announce(
        _ configuration: ProxyConfiguration,
        port: Int,
        writer: BatchWriter<TraceRecord>,
        standIn: StandInServer?
    ) {
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let target = "\(configuration.writer.database).\(configuration.writer.table)"
        say(
            "llm-proxy listens on http://\(host):\(port), answered by \(configuration.upstreamURL ?? "a built-in echo")"
        )
        if let standIn {
            say(
                "ClickHouse is a stand-in at \(standIn.url), no database: it keeps the rows of \(target) in "
                    + configuration.standInStorePath
            )
        } else {
            // Without the credentials that a URL may hold.
            let servers = configuration.writer.urls.compactMap { try? Endpoint.parse($0).endpoint.url }
            say("traces go to \(target) at \(servers.joined(separator: ", "))")
        }
        say("spool \(writer.spoolPath), \(writer.recoveredRecords) records recovered")
        say(
            "try: curl http://\(host):\(port)/v1/chat/completions -H 'Content-Type: application/json' "
                + #"-d '{"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}'"#
        )
    }

    private static func say(_ line: String) {
        FileHandle.standardOutput.write(Data("\(line)\n".utf8))
    }
}

extension Result where Failure == any Error {
    fileprivate init(catching body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
