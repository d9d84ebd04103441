import ClickHouseStandIn
@testable import ClickHouseWriter
import Foundation
import Logging
import SQLiteSpool
import TestSupport
import Testing
import InMemoryTracing
import Tracing

/// The whole way over HTTP, to a server that does not recognise a batch that is sent twice.
@Suite(.startsProcesses(seconds: 300)) struct ReconcilingTests {
    private struct Event: ClickHouseRecord {
        var id: String
        var at: Date

        static let columns: [Column<Event>] = [Column("id", \.id), Column("at", \.at)]
        static let identity: RecordIdentity? = RecordIdentity(id: "id", time: "at")
    }

    private static let ids = (0..<100).map { "event \($0) 'quoted' \\ \t ü" }

    private func configuration(_ directory: String, _ server: StandInServer) -> BatchWriterConfiguration {
        var configuration = BatchWriterConfiguration(spoolPath: directory + "/s", urls: [server.url], table: "t")
        configuration.durability = .processCrash
        configuration.minRetryDelay = .milliseconds(1)
        configuration.maxRetryDelay = .milliseconds(10)
        return configuration
    }

    private func stored(_ server: StandInServer) async throws -> [String] {
        try await server.store.rows(database: "default", table: "t").map { row in
            let fields = try JSONDecoder().decode([String: String].self, from: Data(row.utf8))
            return fields["id"] ?? ""
        }
    }

    private func write(_ writer: BatchWriter<Event>) async throws {
        let start = Date(timeIntervalSince1970: 1_790_000_000.5)
        try await writer.write(contentsOf: Self.ids.map { Event(id: $0, at: start) })
    }

    private func deliver(_ writer: BatchWriter<Event>) async {
        while writer.status.pending + writer.status.inFlight > 0, !Task.isCancelled { try? await writer.flush() }
        await writer.close()
    }

    @Test(arguments: [
        Fault.dropAfterProcessing, .dropAfterStoring(rows: 51), .dropAfterStoring(rows: 0), .dropAfterStoring(rows: 99),
        .dropBeforeProcessing, .unexpectedBody("Ok.\n"), .foreignQueryID, .garbage,
        .errorAfterProcessing(status: 500, code: 241, message: "Memory limit exceeded"),
        .errorAfterProcessing(status: 500, code: 6, message: "Cannot parse: while pushing to view default.v (8c2e)"),
        .errorAfterProcessing(status: 400, code: 27, message: "Cannot parse input: (at row 7)"),
        .errorAfterProcessing(status: 413, code: nil, message: "<html>Too Large</html>"),
        .errorAfterProcessing(status: 502, code: nil, message: "<html>Bad Gateway</html>"),
        .errorAfterProcessing(status: 404, code: 60, message: "Table default.t does not exist"),
    ])
    func `whatever a server that knows no tokens has stored without saying so, each record is there once`(
        fault: Fault
    ) async throws {
        for knowsModernSettings in [true, false] {
            try await withTemporaryDirectory { directory in
                try await withStandIn(
                    in: directory,
                    knowsModernSettings: knowsModernSettings,
                    deduplicates: false
                ) { server in
                    server.faults.add(fault, fault)
                    let writer = try BatchWriter<Event>(
                        configuration: configuration(directory, server),
                        logger: LogRecorder().logger
                    )
                    try await write(writer)
                    await deliver(writer)
                    #expect(try await stored(server).sorted() == Self.ids.sorted())
                    #expect(writer.status.guarantee?.hasPrefix("effectively-once by reconciliation") == true)
                    // The server that knows no tokens is sent none.
                    let bodies = Dictionary(grouping: server.journal.inserts, by: \.token).filter { $0.key != "" }
                    #expect(bodies.values.allSatisfy { Set($0.map(\.body)).count == 1 })
                }
            }
        }
    }

    @Test func `asking for what may be stored is a part of the flush's span`() async throws {
        let tracer = InMemoryTracer()
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, deduplicates: false) { server in
                server.faults.add(.dropAfterProcessing)
                try await withTracer(tracer) {
                    let writer = try BatchWriter<Event>(
                        configuration: configuration(directory, server),
                        logger: LogRecorder().logger
                    )
                    try await write(writer)
                    await deliver(writer)
                }
            }
        }
        let spans = tracer.finishedSpans
        let found = try #require(spans.first { $0.attributes.get("clickhouse.outcome") == "stored" })
        let reconcile = try #require(spans.first { $0.operationName == "clickhouse.reconcile" })
        #expect(reconcile.parentSpanID == found.spanID)
        #expect(spans.contains { $0.operationName.hasPrefix("SELECT ") && $0.parentSpanID == reconcile.spanID })
    }

    @Test func `an outcome that stays unknown over a restart is settled before anything is sent`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, deduplicates: false) { server in
                var configuration = configuration(directory, server)
                configuration.shutdownTimeout = .zero
                server.faults.add(.dropAfterProcessing)
                let first = try BatchWriter<Event>(configuration: configuration, logger: LogRecorder().logger)
                try await write(first)
                try await waitUntil { first.status.delivery != .fine }
                #expect(await first.close().remaining == 100)

                let sends = server.journal.inserts.count
                let second = try BatchWriter<Event>(configuration: configuration, logger: LogRecorder().logger)
                try await second.flush()
                #expect(second.status.delivered == 100)
                await second.close()
                #expect(try await stored(server).sorted() == Self.ids.sorted())
                #expect(server.journal.inserts.count == sends, "it was found, so nothing was sent")
            }
        }
    }

    @Test func `turned off, the table is not asked and the guarantee says so`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, deduplicates: false) { server in
                var configuration = configuration(directory, server)
                configuration.reconciles = false
                server.faults.add(.dropAfterProcessing)
                let writer = try BatchWriter<Event>(configuration: configuration, logger: LogRecorder().logger)
                try await write(writer)
                await deliver(writer)
                #expect(try await stored(server).count == 200)
                #expect(writer.status.guarantee?.hasPrefix("at-least-once: retries may duplicate") == true)
            }
        }
    }

    @Test func `a URL that refuses the user does not stop the delivery, and is named in status and log`() async throws {
        try await withTemporaryDirectory { directory in
            try await withTemporaryDirectory { elsewhere in
                try await withStandIn(in: elsewhere, requiredUser: "somebody") { broken in
                    try await withStandIn(in: directory) { server in
                        var configuration = configuration(directory, server)
                        configuration.urls = [broken.url, server.url]
                        let log = LogRecorder()
                        let writer = try BatchWriter<Event>(configuration: configuration, logger: log.logger)
                        try await write(writer)
                        try await writer.flush()
                        #expect(try await stored(server) == Self.ids)
                        #expect(writer.status.delivery == .fine)
                        let named = "; a URL is passed over, \(broken.url): destination (code"
                        #expect(writer.status.guarantee?.contains(named) == true, "\(writer.status)")
                        try await waitUntil("the log names it") {
                            log.entries.contains {
                                $0.message.hasPrefix("A ClickHouse URL") && $0.metadata.contains(broken.url)
                            }
                        }
                        await writer.close()
                    }
                }
            }
        }
    }

    @Test func `a hold, its reason and the guarantee are in status, log and spool`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let log = LogRecorder()
                server.faults.setStanding(.error(status: 404, code: 60, message: "Table default.t does not exist"))
                let writer = try BatchWriter<Event>(configuration: configuration(directory, server), logger: log.logger)
                try await write(writer)
                await #expect(throws: WriterError.self) { try await writer.flush() }
                guard case .held(let reason) = writer.status.delivery else { Issue.record("\(writer.status)"); return }
                #expect(reason.contains("code 60"))
                var status = try SpoolStatus(readingSpoolAt: directory + "/s")
                try await waitUntil {
                    status = try SpoolStatus(readingSpoolAt: directory + "/s")
                    return status.state == .held
                }
                #expect(status.lastError == reason)

                server.faults.setStanding(nil)
                await deliver(writer)
                status = try SpoolStatus(readingSpoolAt: directory + "/s")
                #expect(status.state == .fine)
                #expect(status.guarantee == "effectively-once by token")
                let learned = log.entries.filter { $0.message == "ClickHouse answers" }
                #expect(learned.allSatisfy { $0.metadata.contains("effectively-once by token") })
                #expect(!learned.isEmpty)
            }
        }
    }
}
