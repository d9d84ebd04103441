internal import ClickHouseHTTP
package import ClickHouseWriter
internal import Migrations

/// Makes the table that ``TraceRecord`` goes to.
package enum TraceTable {
    /// Creates database and table on every server of the configuration where they do not exist yet. Changes nothing
    /// where they do.
    ///
    /// - Throws: the first server's error, with ClickHouse's own message.
    package static func create(_ configuration: BatchWriterConfiguration) async throws {
        let client = try InsertClient(configuration)
        let result: Result<Void, any Error>
        do {
            for endpoint in client.endpoints { try await create(configuration, with: client, at: endpoint) }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await client.close()
        try result.get()
    }

    private static func create(
        _ configuration: BatchWriterConfiguration,
        with client: InsertClient,
        at endpoint: Endpoint
    ) async throws {
        let version = try await client.execute("SELECT version() FORMAT TabSeparated", at: endpoint)
            .prefix { !$0.isNewline }
        for migration in isLegacy(version) ? Migration.clickHouseLegacy : Migration.clickHouse {
            for statement in migration.statements {
                let renamed = rename(statement, database: configuration.database, table: configuration.table)
                _ = try await client.execute(renamed, at: endpoint)
            }
        }
    }

    /// The files say `` `ibex`.`llm_traces` ``, so that they can be run as they are.
    static func rename(_ statement: String, database: String, table: String) -> String {
        statement.replacing("`ibex`", with: quoteIdentifier(database))
            .replacing("`llm_traces`", with: quoteIdentifier(table))
    }

    /// Before 21.12, which brought `Bool`; all else that the table needs is older than that.
    static func isLegacy(_ version: some StringProtocol) -> Bool {
        let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        return numbers.lexicographicallyPrecedes([21, 12])
    }
}
