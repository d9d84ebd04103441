internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import ClickHouseStandIn
internal import ClickHouseWriter
internal import Foundation
internal import Hummingbird
internal import LLMTraces
internal import Logging
internal import Metrics
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals

/// Puts the parts together and runs them until a signal.
enum ProxyProcess {
    static func run(_ given: ProxyConfiguration) async throws {
        let startedAt = ContinuousClock.now
        let registry = PrometheusRegistry(WriterMetrics.descriptions + ProxyMetrics.descriptions)
        MetricsSystem.bootstrap(registry)
        var configuration = given
        let standIn = try await startStandIn(&configuration)
        let tableMaker = TableMaker(configuration: configuration.writer, logger: Logger(label: "llm-proxy.table"))
        if configuration.createsTable { await tableMaker.attempt() }
        let writer = try BatchWriter<TraceRecord>(
            configuration: configuration.writer,
            logger: Logger(label: "llm-proxy.traces")
        )
        let metrics = ProxyMetrics()
        let recorder = TraceRecorder(writer: writer, logger: Logger(label: "llm-proxy.recorder"), metrics: metrics)
        let history = StatusHistory { [startedAt] in
            StatusHistory.Sample(writer.status, at: startedAt.duration(to: .now))
        }
        let operations = OperationsEndpoints(
            setting: StatusDocument.Setting(configuration.writer, writer: writer, standIn: standIn != nil),
            status: { writer.status },
            lost: { recorder.lost },
            history: history,
            registry: registry,
            startedAt: startedAt
        )
        let client = makeHTTPClient()
        let router = makeRouter(configuration, recorder: recorder, client: client)
        let operationsRouter = configuration.operationsAddress == nil ? router : makeRouter()
        operations.add(to: operationsRouter)
        let addresses = [("--operations-listen", configuration.operationsAddress), ("--listen", configuration.address)]
            .compactMap { option, address in address.map { (option: option, address: $0) } }
        let announcement = Announcement(of: Set(addresses.map(\.option))) { [configuration] urls in
            announce(configuration, urls: urls, writer: writer, standIn: standIn)
        }
        let servers = addresses.map { option, address in
            ProxyServer(
                router: option == "--listen" ? router : operationsRouter,
                address: address,
                option: option,
                onRunning: { announcement.add($0, of: option) }
            )
        }
        // The last is shut down first: no more requests, then no more traces, then the writer, then its stand-in.
        let optional: [(any Service)?] = [standIn, configuration.createsTable ? tableMaker : nil]
        let limited = servers.map { TimeLimitedShutdown(service: $0, limit: ProxyConfiguration.openResponsesTimeout) }
        let services = optional.compactMap { $0 } + [writer, recorder, history] + limited
        var group = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "llm-proxy")
        )
        group.maximumGracefulShutdownDuration = .seconds(10)
        let result = await Result { try await ServiceGroup(configuration: group).run() }
        try await client.shutdown()
        try result.get()
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

    private static func makeRouter() -> Router<BasicRequestContext> {
        // Those who balance load like to ask with HEAD.
        Router(options: .autoGenerateHeadEndpoints)
    }

    private static func makeRouter(
        _ configuration: ProxyConfiguration,
        recorder: TraceRecorder,
        client: HTTPClient
    ) -> Router<BasicRequestContext> {
        let provider: any ChatProvider =
            configuration.upstreamURL.map { UpstreamProvider(url: $0, client: client) } ?? EchoProvider()
        let handler = ChatCompletionsHandler(provider: provider, recorder: recorder)
        let router = makeRouter()
        router.post("/v1/chat/completions") { request, _ in await handler.handle(request) }
        return router
    }

    /// One line each, at once: somebody, or a script, waits for them.
    private static func announce(
        _ configuration: ProxyConfiguration,
        urls: [String: String],
        writer: BatchWriter<TraceRecord>,
        standIn: StandInServer?
    ) {
        let target = "\(configuration.writer.database).\(configuration.writer.table)"
        let url = urls["--listen"] ?? ""
        say(
            "llm-proxy listens on \(url), answered by \(configuration.upstreamURL ?? "a built-in echo")"
        )
        if let standIn {
            say(
                "ClickHouse is a stand-in at \(standIn.url), no database: it keeps the rows of \(target) in "
                    + configuration.standInStorePath
            )
        } else {
            say("traces go to \(target) at \(configuration.writer.servers)")
        }
        say("spool \(writer.spoolPath), \(writer.recoveredRecords) records recovered")
        let operations = urls["--operations-listen"] ?? url
        say("watch it at \(operations)/, and with \(operations)/metrics and \(operations)/healthz")
        say(
            "try: curl \(url)/v1/chat/completions -H 'Content-Type: application/json' "
                + #"-d '{"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}'"#
        )
    }

    private static func say(_ line: String) {
        FileHandle.standardOutput.write(Data("\(line)\n".utf8))
    }
}

extension BatchWriterConfiguration {
    /// Without the credentials that a URL may hold.
    fileprivate var servers: String {
        urls.compactMap { try? Endpoint.parse($0).endpoint.url }.joined(separator: ", ")
    }
}

extension StatusDocument.Setting {
    fileprivate init(_ configuration: BatchWriterConfiguration, writer: BatchWriter<TraceRecord>, standIn: Bool) {
        self.init(
            destination: "\(configuration.database).\(configuration.table) at \(configuration.servers)"
                + (standIn ? " (a stand-in)" : ""),
            spoolPath: writer.spoolPath,
            spoolLimitBytes: configuration.maxSpoolBytes,
            recovered: writer.recoveredRecords
        )
    }
}

extension StatusHistory.Sample {
    fileprivate init(_ status: WriterStatus, at uptime: Duration) {
        self.init(
            at: uptime.roundedSeconds,
            depth: status.pending + status.inFlight,
            written: status.written,
            delivered: status.delivered
        )
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
