internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import ClickHouseStandIn
internal import ClickHouseWriter
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import LLMTraces
internal import Logging
internal import Metrics
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle

/// Puts the parts together and runs them until a signal.
enum ProxyProcess {
    static func run(_ given: ProxyConfiguration) async throws {
        let startedAt = ContinuousClock.now
        let files = raiseFileLimit()
        let rereading = await RereadSignal()
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
        let recorder = TraceRecorder(
            writer: configuration.writesTraces ? writer : nil,
            logger: Logger(label: "llm-proxy.recorder"),
            metrics: metrics
        )
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
        let shutdown = Shutdown()
        let client = makeHTTPClient(configuration)
        let upstreamTLS = try configuration.upstreamTLS.clientRenewal {
            Logger(label: "llm-proxy").log($0, of: "the provider")
        }
        let provider: any Provider =
            configuration.upstreamURL.map { url in
                UpstreamProvider(url: url, key: configuration.upstreamKey, client: client, tls: upstreamTLS)
            } ?? EchoProvider()
        let router = makeRouter(configuration, recorder: recorder, shutdown: shutdown, provider: provider)
        let operationsRouter = configuration.operationsAddress == nil ? router : makeRouter(recorder)
        operations.add(to: operationsRouter, for: configuration.sites)
        let certificate = try configuration.tls.serverRenewal { Logger(label: "llm-proxy").log($0, of: "clients") }
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
                clients: configuration.clients,
                // Each may need a connection to the provider. The rest is for the spool, ClickHouse, and pages of its own.
                maxConnections: option == "--listen" ? max(1, (files - 200) / 2) : 64,
                certificate: certificate,
                onRunning: { announcement.add($0, of: option) }
            )
        }
        // The last is shut down first: no more requests, then no more traces, then the writer, then its stand-in.
        let optional: [(any Service)?] = [standIn, configuration.createsTable ? tableMaker : nil]
        let limited = servers.map {
            TimeLimitedShutdown(service: $0, limit: configuration.openResponsesTimeout, shutdown: shutdown)
        }
        let services = optional.compactMap { $0 } + [writer, recorder, history] + limited
        var groupConfiguration = ServiceGroupConfiguration(services: services, logger: Logger(label: "llm-proxy"))
        groupConfiguration.maximumGracefulShutdownDuration = configuration.shutdownTimeout
        // libdispatch opens the file of its timers with the first of them, and none goes off where that fails. Not when clients may
        // have taken all files.
        try await Task.sleep(for: .nanoseconds(1))
        let group = ServiceGroup(configuration: groupConfiguration)
        let signals = await ShutdownSignals(group: group, shutdown: shutdown, recorder: recorder)
        let obeying = Task { await signals.obey() }
        var renewals: [@Sendable () async -> Void] = []
        if let certificate { renewals.append { await certificate.reread() } }
        if let upstreamTLS { renewals.append { await upstreamTLS.reread() } }
        if !configuration.writer.tlsFiles.isEmpty { renewals.append { await writer.rereadTLSFiles() } }
        let obeyingReread = Task { [renewals, configuration] in
            await rereading.obey(keys: configuration.clientKeys, tls: renewals) {
                await group.triggerGracefulShutdown()
            }
        }
        let result = await Result { try await group.run() }
        obeying.cancel()
        obeyingReread.cancel()
        try await client.shutdown()
        try result.get()
    }

    /// To what the system allows: each open response has two connections, and the usual limit is 1,024 files.
    ///
    /// - Returns: how many there may be.
    private static func raiseFileLimit() -> Int {
        var limit = rlimit()
        // Safe: all take the pointer for the call only.
        guard unsafe getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        var raised = limit
        raised.rlim_cur = limit.rlim_max
        let isRaised = unsafe setrlimit(Int32(RLIMIT_NOFILE.rawValue), &raised) == 0
        return Int(clamping: isRaised ? raised.rlim_cur : limit.rlim_cur)
    }

    private static func startStandIn(_ configuration: inout ProxyConfiguration) async throws -> StandInServer? {
        guard configuration.writer.urls.isEmpty else { return nil }
        let server = try await StandInServer.start(store: StandInStore(path: configuration.standInStorePath))
        configuration.writer.urls = [server.url]
        return server
    }

    private static func makeHTTPClient(_ configuration: ProxyConfiguration) -> HTTPClient {
        var client = HTTPClient.Configuration.guarded
        client.timeout.connect = TimeAmount(configuration.upstreamConnectTimeout)
        client.timeout.read = TimeAmount(configuration.upstreamTimeout)
        client.timeout.write = TimeAmount(configuration.upstreamTimeout)
        client.tlsConfiguration = .modernClient
        let guarding = client.http1_1ConnectionDebugInitializer
        client.http1_1ConnectionDebugInitializer = { channel in
            UpstreamProvider.limitBuffers(of: channel).flatMap {
                guarding?(channel) ?? channel.eventLoop.makeSucceededVoidFuture()
            }
        }
        // Each open response has a connection: the limit is the clients', not the default of 8.
        client.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1 << 16
        return HTTPClient(eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: client)
    }

    private static func makeRouter(_ recorder: TraceRecorder) -> Router<BasicRequestContext> {
        // Those who balance load like to ask with HEAD.
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.add(middleware: TargetCheck(recorder: recorder))
        return router
    }

    private static func makeRouter(
        _ configuration: ProxyConfiguration,
        recorder: TraceRecorder,
        shutdown: Shutdown,
        provider: any Provider
    ) -> Router<BasicRequestContext> {
        let gateway = Gateway(
            provider: provider,
            keys: configuration.clientKeys,
            recorder: recorder,
            shutdown: shutdown,
            settings: configuration.gateway
        )
        let router = makeRouter(recorder)
        let api = router.group()
        if configuration.asksForNoKey {
            api.add(
                middleware: SiteGuard(rules: configuration.sites) {
                    recorder.count(status: UInt16($0.code), since: .now)
                }
            )
        }
        for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete] {
            api.on("\(Gateway.prefix)**", method: method) { request, _ in await gateway.handle(request) }
            router.on("**", method: method) { request, _ in gateway.refuse(request) }
        }
        return router
    }

    /// One line each, at once: somebody, or a script, waits for them.
    private static func announce(
        _ configuration: ProxyConfiguration,
        urls: [String: String],
        writer: BatchWriter<TraceRecord>,
        standIn: StandInServer?
    ) {
        var lines: [String] = []
        let target = "\(configuration.writer.database).\(configuration.writer.table)"
        let url = urls["--listen"] ?? ""
        lines.append(
            "llm-proxy listens on \(url), answered by \(configuration.upstreamURL?.description ?? "a built-in echo")"
        )
        if let standIn {
            lines.append(
                "ClickHouse is a stand-in at \(standIn.url), no database: it keeps the rows of \(target) in "
                    + configuration.standInStorePath
            )
        } else {
            lines.append("traces go to \(target) at \(configuration.writer.servers)")
        }
        if !configuration.writesTraces { lines.append("no traces are written: --no-traces") }
        lines.append("spool \(writer.spoolPath), \(writer.recoveredRecords) records recovered")
        let operations = urls["--operations-listen"] ?? url
        lines.append("watch it at \(operations)/, and with \(operations)/metrics and \(operations)/healthz")
        let bringsKey = configuration.upstreamURL != nil && configuration.upstreamKey == nil
        let needsKey = configuration.clientKeys != nil || bringsKey
        let model = configuration.upstreamURL == nil ? "echo" : "MODEL"
        lines.append(
            "try: curl \(url)/v1/chat/completions \(needsKey ? #"-H "Authorization: Bearer $KEY" "# : "")"
                + "-H 'Content-Type: application/json' "
                + #"-d '{"model": "\#(model)", "messages": [{"role": "user", "content": "Hello"}]}'"#
        )
        do throws(StandardOutput.Failure) {
            for line in lines { try StandardOutput.say(line) }
        } catch {
            // Whoever waits for it waits in vain, and the proxy serves all others.
            Logger(label: "llm-proxy").error(
                "The announcement could not be written; the proxy runs without it",
                metadata: ["reason": "\(error)"]
            )
        }
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
