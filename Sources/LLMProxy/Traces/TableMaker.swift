internal import ClickHouseWriter
internal import LLMTraces
internal import Logging
internal import ServiceLifecycle

/// Makes the table of traces, now or as soon as ClickHouse can be reached. The proxy does not wait for it: traces are
/// kept in the spool.
actor TableMaker: Service {
    private static let retryDelay = Duration.seconds(10)

    private let configuration: BatchWriterConfiguration
    private let logger: Logger
    private var isMade = false
    private var failures = RepeatBound<ContinuousClock.Instant>(.lasting)

    init(configuration: BatchWriterConfiguration, logger: Logger) {
        var configuration = configuration
        configuration.requestTimeout = min(configuration.requestTimeout, .seconds(5))
        self.configuration = configuration
        self.logger = logger
    }

    /// Tries once.
    func attempt() async {
        do {
            try await TraceTable.create(configuration)
            isMade = true
            if failures.end(now: .now) != nil { logger.notice("The table is there now") }
        } catch {
            let level: Logger.Level = failures.note(now: .now) == .keptBack ? .debug : .warning
            logger.log(
                level: level,
                "The table could not be made; it is tried again",
                metadata: ["error": "\(error)"]
            )
        }
    }

    func run() async throws {
        while !isMade, !Task.isShuttingDownGracefully, !Task.isCancelled {
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.retryDelay) }
            if !Task.isShuttingDownGracefully, !Task.isCancelled { await attempt() }
        }
        // A service that returns early would end the group.
        try? await gracefulShutdown()
    }
}
