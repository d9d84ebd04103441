/// A numbered SQL file of this folder, embedded in the binary.
package struct Migration: Sendable {
    /// The number that the file's name starts with. Migrations of one kind are applied in its order.
    package let number: Int

    /// The file's name without number and extension.
    package let name: String

    /// The file's text: one or more statements, each closed by a semicolon.
    package let sql: String

    private init(_ number: Int, _ name: String, _ bytes: [UInt8]) {
        self.number = number
        self.name = name
        self.sql = String(decoding: bytes, as: UTF8.self)
    }

    /// `spool/`: the schema of the SQLite spool.
    package static let spool = [
        Migration(1, "create_spool", PackageResources._001_create_spool_sql),
        Migration(2, "delivery", PackageResources._002_delivery_sql),
        Migration(3, "limits_and_checksums", PackageResources._003_limits_and_checksums_sql),
        Migration(4, "destination", PackageResources._004_destination_sql),
        Migration(5, "origin", PackageResources._005_origin_sql),
        Migration(6, "checksums", PackageResources._006_checksums_sql),
    ]

    /// The views of the spool, to be made anew after any of its migrations.
    package static let spoolViews = String(decoding: PackageResources.views_sql, as: UTF8.self)

    /// `clickhouse/`: the tables of a ClickHouse server, 21.12 or later. Names to replace stand in backquotes.
    package static let clickHouse = [
        Migration(1, "create_llm_traces", PackageResources._001_create_llm_traces_sql),
        Migration(2, "add_trace_id", PackageResources._002_add_trace_id_sql),
    ]

    /// `clickhouse_legacy/`: the same tables for a server before 21.12.
    package static let clickHouseLegacy = [
        Migration(1, "create_llm_traces", PackageResources._001_create_llm_traces_legacy_sql),
        Migration(2, "add_trace_id", PackageResources._002_add_trace_id_legacy_sql),
    ]
}

extension Migration {
    /// The statements one by one, without comments.
    ///
    /// The files hold no string with a semicolon or a double dash, so no SQL parser is needed to part them.
    package var statements: [String] {
        sql.split(separator: "\n", omittingEmptySubsequences: true)
            .filter { !$0.hasPrefix("--") }
            .joined(separator: "\n")
            .split(separator: ";")
            .map { $0.trimmingPrefix(while: \.isWhitespace) }
            .filter { !$0.isEmpty }
            .map(String.init)
    }
}
