/// The settings that every insert is sent with.
struct InsertSettings {
    /// An unknown field must be an error: skipping it would drop the value without a word. Every supported server
    /// knows this one.
    static let knownToAll = "input_format_skip_unknown_fields"

    /// What ClickHouse recognises a repeated batch by, since 22.2.
    static let token = "insert_deduplication_token"

    /// The settings that a server may be too old to know; it would answer code 115 to them. The token's value is the batch's.
    static let versioned: [(name: String, value: String)] = [
        (knownToAll, "0"),
        // Asynchronous inserts (the default since 26.2) with deduplication tokens have lost rows: ClickHouse #111031.
        ("async_insert", "0"),
        (token, ""),
        // A Distributed table must have passed the rows on before it acknowledges them.
        ("insert_distributed_sync", "1"),
        // What a user's profile may say otherwise: to skip rows, to recognise nothing, to forgive views.
        ("input_format_allow_errors_num", "0"),
        ("input_format_allow_errors_ratio", "0"),
        ("insert_deduplicate", "1"),
        ("deduplicate_insert", "enable"),
        ("materialized_views_ignore_errors", "0"),
        // Without it, servers before 20 refuse the fraction and the "Z" of our times.
        ("date_time_input_format", "best_effort"),
        // Without it a server whose default is 0 (26.9's is 1) stores one in four doubles with another last digit.
        ("precise_float_parsing", "1"),
    ]

    /// The query string's parameters, percent-encoding not applied yet.
    static func parameters(
        statement: String,
        queryID: String,
        token: String,
        known: Set<String>
    ) -> [(name: String, value: String)] {
        // wait_end_of_query: the status is sent after the insert is over, so it can say how it went.
        [("query", statement), ("query_id", queryID), ("wait_end_of_query", "1")]
            + versioned.filter { known.contains($0.name) }.map { ($0.name, $0.name == Self.token ? token : $0.value) }
    }

    /// One name a line.
    static var lookUpStatement: String {
        let names = versioned.map { quoteString($0.name) }.joined(separator: ", ")
        return "SELECT name FROM system.settings WHERE name IN (\(names)) FORMAT TabSeparated"
    }
}
