internal import ClickHouseHTTP
package import ClickHouseWriter
internal import Migrations

/// Makes the table that ``TraceRecord`` goes to.
package enum TraceTable {
    /// Creates database and table on every server of the configuration where they do not exist yet. Changes nothing
    /// where they do.
    ///
    /// - Returns: what a reader of the table should know about each server, nothing when nothing is amiss.
    /// - Throws: the first server's error, with ClickHouse's own message.
    package static func create(_ configuration: BatchWriterConfiguration) async throws -> [String] {
        let client = try InsertClient(configuration)
        let result: Result<[String], any Error>
        do {
            var warnings: [String] = []
            for endpoint in client.endpoints {
                warnings += try await create(configuration, with: client, at: endpoint)
            }
            result = .success(warnings)
        } catch {
            result = .failure(error)
        }
        await client.close()
        return try result.get()
    }

    private static func create(
        _ configuration: BatchWriterConfiguration,
        with client: InsertClient,
        at endpoint: Endpoint
    ) async throws -> [String] {
        let version = try await client.execute("SELECT version() FORMAT TabSeparated", at: endpoint)
            .prefix { !$0.isNewline }
        let isLegacy = isLegacy(version)
        for migration in isLegacy ? Migration.clickHouseLegacy : Migration.clickHouse {
            for statement in migration.statements {
                let renamed = rename(statement, database: configuration.database, table: configuration.table)
                _ = try await client.execute(renamed, at: endpoint)
            }
        }
        guard isLegacy else { return [] }
        return [
            "ClickHouse \(version) at \(endpoint) keeps no milliseconds and knows no deduplication tokens: times are cut to "
                + "seconds, and a retry after a lost acknowledgement may store rows twice"
        ]
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
