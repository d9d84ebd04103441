internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import ServiceLifecycle

/// A server on loopback that speaks as much of ClickHouse's HTTP protocol as a batch writer needs.
///
/// It is no database: it takes any table and keeps rows as text in a SQLite file. It honours deduplication tokens for
/// ever, answers with ClickHouse's headers and errors, and fails on demand.
package final class StandInServer: Service {
    /// `http://127.0.0.1:<port>`
    package let url: String
    package let store: StandInStore

    /// What shall go wrong.
    package let faults: FaultPlan

    /// The inserts that arrived; empty unless asked for.
    package let journal: InsertJournal

    private let serving: Task<Void, any Error>

    private init(
        url: String,
        store: StandInStore,
        faults: FaultPlan,
        journal: InsertJournal,
        serving: Task<Void, any Error>
    ) {
        self.url = url
        self.store = store
        self.faults = faults
        self.journal = journal
        self.serving = serving
    }

    /// Starts to listen on 127.0.0.1.
    ///
    /// - Parameters:
    ///   - port: 0 takes any free one.
    ///   - knowsModernSettings: false refuses the settings that an 18.16 server does not know.
    ///   - deduplicates: whether a repeated token is stored once.
    ///   - requiredUser: refuses requests of anybody else.
    ///   - keepsJournal: whether to remember every insert in memory.
    ///   - onInsert: called for each insert, on the connection's thread; it must not block.
    package static func start(
        store: StandInStore,
        port: Int = 0,
        knowsModernSettings: Bool = true,
        deduplicates: Bool = true,
        requiredUser: String? = nil,
        keepsJournal: Bool = false,
        onInsert: @escaping @Sendable (InsertMoment, InsertJournal.Entry) -> Void = { _, _ in }
    ) async throws -> StandInServer {
        let journal = InsertJournal(isKept: keepsJournal)
        let faults = FaultPlan()
        // Silent: its only trouble are connections that it cuts itself.
        let logger = Logger(label: "clickhouse-stand-in") { _ in SwiftLogNoOpLogHandler() }
        let (ports, running) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: StandInResponder(
                store: store,
                faults: faults,
                journal: journal,
                onInsert: onInsert,
                knownSettings: knowsModernSettings
                    ? StandInResponder.modernSettings
                    : StandInResponder.legacySettings,
                requiredUser: requiredUser,
                deduplicates: deduplicates
            ),
            server: HTTPServerBuilder { AcceptedConnections(HTTP1Channel(responder: $0)) },
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port), serverName: nil),
            onServerRunning: { running.yield($0.localAddress?.port ?? 0) },
            logger: logger
        )
        let serving = Task {
            defer { running.finish() }
            try await application.run()
        }
        for await port in ports {
            let url = "http://127.0.0.1:\(port)"
            return StandInServer(url: url, store: store, faults: faults, journal: journal, serving: serving)
        }
        // It ended without running: this throws its error.
        try await serving.value
        throw CancellationError()
    }

    /// Serves until graceful shutdown or cancellation, then stops.
    package func run() async throws {
        try? await gracefulShutdown()
        await stop()
    }

    /// Cuts all connections. The store stays open.
    package func stop() async {
        serving.cancel()
        _ = await serving.result
    }
}
