package import ClickHouseHTTP
package import ClickHouseWriter
internal import Migrations

/// The table that ``TraceRecord`` goes to, and its making.
package enum TraceTable {
    /// Which statements a server understands.
    package enum Dialect: String, Sendable, CaseIterable {
        case modern
        /// Before 21.12, which brought `Bool`; all else that the table needs is older than that.
        case legacy

        /// - Parameter version: as the server gives it, `26.9.1.1`.
        package init(version: some StringProtocol) {
            let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
            self = numbers.lexicographicallyPrecedes([21, 12]) ? .legacy : .modern
        }

        fileprivate var migrations: [Migration] {
            self == .legacy ? Migration.clickHouseLegacy : Migration.clickHouse
        }
    }

    /// What one statement did at one server.
    package struct Step: Sendable, Equatable {
        package let endpoint: Endpoint
        package let statement: String

        /// Whether what it makes was there before.
        package let didExist: Bool
    }

    /// Why a server could not be migrated.
    package struct Failure: Error, CustomStringConvertible {
        package let endpoint: Endpoint
        package let cause: InsertFailure

        package var description: String { "\(endpoint): \(cause)" }
    }

    /// What would be run, comments included, under the names of the configuration.
    package static func sql(_ dialect: Dialect, database: String, table: String) -> String {
        dialect.migrations.map { rename($0.sql, database: database, table: table) }.joined(separator: "\n")
    }

    /// Creates database and table on every server of the configuration where they do not exist yet. Changes nothing
    /// where they do.
    ///
    /// - Parameters:
    ///   - dialect: nil goes by each server's version.
    ///   - onStep: told what was done, as soon as it is.
    /// - Throws: ``Failure`` of the first server that fails, with ClickHouse's own message.
    package static func create(
        _ configuration: BatchWriterConfiguration,
        dialect: Dialect? = nil,
        onStep: (Step) -> Void = { _ in }
    ) async throws {
        try await withClient(configuration) { client in
            for endpoint in client.endpoints {
                do throws(InsertFailure) {
                    let dialect = if let dialect { dialect } else { try await askDialect(client, endpoint) }
                    try await create(configuration, dialect, with: client, at: endpoint, onStep)
                } catch {
                    throw Failure(endpoint: endpoint, cause: error)
                }
            }
        }
    }

    /// Asks the configuration's first server.
    package static func askDialect(_ configuration: BatchWriterConfiguration) async throws -> Dialect {
        try await withClient(configuration) { client in
            do throws(InsertFailure) {
                return try await askDialect(client, client.endpoints[0])
            } catch {
                throw Failure(endpoint: client.endpoints[0], cause: error)
            }
        }
    }

    /// Asks for the table as a writer of traces does before it sends any.
    ///
    /// - Throws: why traces cannot be stored there, all that the table lacks included.
    package static func check(_ configuration: BatchWriterConfiguration) async throws -> DestinationProfile {
        try await withClient(configuration) { try await $0.preflight().get() }
    }

    private static func withClient<Value: Sendable>(
        _ configuration: BatchWriterConfiguration,
        _ body: (InsertClient) async throws -> Value
    ) async throws -> Value {
        let client = try InsertClient(configuration, columns: TraceRecord.columnNames, identity: TraceRecord.identity)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(client))
        } catch {
            result = .failure(error)
        }
        await client.close()
        return try result.get()
    }

    private static func askDialect(
        _ client: InsertClient,
        _ endpoint: Endpoint
    ) async throws(InsertFailure) -> Dialect {
        let version = try await client.execute("SELECT version() FORMAT TabSeparated", at: endpoint)
        return Dialect(version: version.prefix { !$0.isNewline })
    }

    private static func create(
        _ configuration: BatchWriterConfiguration,
        _ dialect: Dialect,
        with client: InsertClient,
        at endpoint: Endpoint,
        _ onStep: (Step) -> Void
    ) async throws(InsertFailure) {
        for statement in dialect.migrations.flatMap(\.statements) {
            let known = try await client.execute(
                "\(question(statement, configuration)) FORMAT TabSeparated",
                at: endpoint
            )
            let renamed = rename(statement, database: configuration.database, table: configuration.table)
            if known.isEmpty { _ = try await client.execute(renamed, at: endpoint) }
            onStep(Step(endpoint: endpoint, statement: renamed, didExist: !known.isEmpty))
        }
    }

    /// A query that returns no row while what the statement makes does not exist. `EXISTS` is younger than the servers that this supports.
    private static func question(_ statement: String, _ configuration: BatchWriterConfiguration) -> String {
        let database = quoteString(configuration.database)
        let table = quoteString(configuration.table)
        if statement.hasPrefix("CREATE DATABASE ") {
            return "SELECT name FROM system.databases WHERE name = \(database)"
        }
        guard let column = statement.firstMatch(of: /ADD COLUMN (?:IF NOT EXISTS )?(\w+)/)?.1 else {
            return "SELECT name FROM system.tables WHERE database = \(database) AND name = \(table)"
        }
        return "SELECT name FROM system.columns WHERE database = \(database) AND table = \(table)"
            + " AND name = \(quoteString(String(column)))"
    }

    /// The files say `` `ibex`.`llm_traces` ``, so that they can be run as they are.
    static func rename(_ statement: String, database: String, table: String) -> String {
        // In one pass: the database may be called as the file calls the table.
        statement.replacing(/`(ibex|llm_traces)`/) { quoteIdentifier($0.1 == "ibex" ? database : table) }
    }
}
