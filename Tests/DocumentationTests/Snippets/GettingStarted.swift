import ClickHouseWriter
import Hummingbird
import Logging
import ServiceLifecycle

/// The examples of servers of the page Getting started.
private enum Servers {
    struct Visit: ClickHouseRecord {
        var url: String
        var status: UInt16

        static let columns: [Column<Visit>] = [Column("url", \.url), Column("status", \.status)]
    }

    static func group(writer: BatchWriter<Visit>, importer: any Service, logger: Logger) async throws {
        let group = ServiceGroup(
            services: [writer, importer],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        try await group.run()
    }

    static func hummingbird(writer: BatchWriter<Visit>, logger: Logger) async throws {
        let router = Router()
        router.get("/hello") { _, _ in
            try await writer.write(Visit(url: "/hello", status: 200))
            return "Hello"
        }
        var application = Application(router: router, logger: logger)
        application.addServices(writer)
        try await application.runService()
    }
}
