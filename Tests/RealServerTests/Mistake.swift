import ClickHouseHTTP
import ClickHouseWriter
import LLMTraces

/// What can be wrong with a destination, and is for somebody to mend.
enum Mistake: CaseIterable {
    case database, table, column, smallColumns, user, password, readOnlyUser

    /// Whether only a server of our own can be brought to it.
    var needsUsers: Bool {
        switch self {
        case .database, .table, .column, .smallColumns: false
        case .user, .password, .readOnlyUser: true
        }
    }

    /// Whether it is seen before rows are sent.
    var isSeenBefore: Bool {
        switch self {
        case .database, .table, .column, .smallColumns, .user, .password: true
        case .readOnlyUser: false
        }
    }

    /// One of these stands in what the writer says.
    var reasons: [String] {
        switch self {
        case .database, .table: ["there is no table"]
        case .column: ["lacks the columns `model`, `error_code`"]
        case .smallColumns: ["status_code is UInt8, and UInt16 is written: large numbers wrap"]
        case .user: ["code 192"]
        case .password: ["code 193"]
        case .readOnlyUser: ["code 164"]
        }
    }

    func make(_ server: ClickHouseServer, _ configuration: inout BatchWriterConfiguration) async throws {
        switch self {
        case .database:
            _ = try await server.query("DROP DATABASE \(quoteIdentifier(configuration.database))")
        case .table:
            break
        case .column:
            try await TraceTable.create(configuration)
            for column in ["model", "error_code"] {
                _ = try await server.query("ALTER TABLE \(configuration.target) DROP COLUMN \(column)")
            }
        case .smallColumns:
            try await TraceTable.create(configuration)
            try await Self.modify(["status_code": "UInt8", "total_tokens": "Int32"], server, configuration)
        case .user, .password, .readOnlyUser:
            try await TraceTable.create(configuration)
            configuration.user = "ingest"
            configuration.password = "right"
            switch self {
            case .user: break
            case .password: try await server.setUsers(["ingest": .init(password: "wrong")])
            default: try await server.setUsers(["ingest": .init(password: "right", isReadOnly: true)])
            }
        }
    }

    func mend(_ server: ClickHouseServer, _ configuration: BatchWriterConfiguration) async throws {
        switch self {
        case .database, .table:
            try await TraceTable.create(configuration)
        case .column:
            for column in ["model", "error_code"] {
                _ = try await server.query("ALTER TABLE \(configuration.target) ADD COLUMN \(column) String")
            }
        case .smallColumns:
            try await Self.modify(["status_code": "UInt16", "total_tokens": "UInt32"], server, configuration)
        case .user, .password, .readOnlyUser:
            try await server.setUsers(["ingest": .init(password: "right")])
        }
    }

    private static func modify(
        _ types: [String: String],
        _ server: ClickHouseServer,
        _ configuration: BatchWriterConfiguration
    ) async throws {
        for (column, type) in types {
            _ = try await server.query("ALTER TABLE \(configuration.target) MODIFY COLUMN \(column) \(type)")
        }
    }
}
