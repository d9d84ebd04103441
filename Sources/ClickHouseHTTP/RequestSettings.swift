/// The settings that every request is sent with, so that nothing which the profile of ClickHouse's user says changes what is
/// stored, or what an answer means.
///
/// Which ones those are is found by trying all of a server's: `ProfileTests`.
struct RequestSettings: Sendable, Equatable {
    /// An unknown field must be an error: skipping it would drop the value without a word. Every supported server
    /// knows this one.
    static let knownToAll = "input_format_skip_unknown_fields"

    /// What ClickHouse recognises a repeated batch by, since 22.2.
    static let token = "insert_deduplication_token"

    /// Those of ``names`` that the server knows: to others it would answer code 115.
    let known: Set<String>

    /// Whether they are sent in the statement, and not in the URL.
    let isInStatement: Bool

    /// Whether a question waits for what other servers have taken. That is for tables of ClickHouse Cloud, whose servers share their
    /// parts. On a ReplicatedMergeTree it would hide blocks whose quorum has failed, for good (18.16).
    let isSequential: Bool

    /// What does not change from request to request, as a part of a URL's query with the `&` before it; empty in a statement.
    let query: String

    init(known names: some Sequence<String>, isInStatement: Bool = false, isSequential: Bool = false) {
        let known = Set(names).intersection(Self.names)
        self.known = known
        self.isInStatement = isInStatement
        self.isSequential = isSequential
        let sent = isInStatement ? [] : Self.fixed(known, isSequential)
        query = sent.map { "&" + InsertClient.encodeQuery([$0]) }.joined()
    }

    /// All but the token.
    private static func fixed(_ known: Set<String>, _ isSequential: Bool) -> InsertClient.Parameters {
        values.filter { known.contains($0.name) } + (isSequential ? [("select_sequential_consistency", "1")] : [])
    }

    var knowsTokens: Bool { known.contains(Self.token) }

    /// What is in the URL besides ``query``.
    ///
    /// - Parameter token: a batch's, or a question's own: no cache on the way has an answer to that.
    func parameters(token: String) -> InsertClient.Parameters {
        knowsTokens && !isInStatement ? [(Self.token, token)] : []
    }

    /// The statement as it is sent.
    func statement(_ text: String, token: String) -> String {
        guard isInStatement else { return text }
        let settings = sent(token).map { "\($0.name) = \(quoteString($0.value))" }
        return text.beforeFormat(" SETTINGS \(settings.joined(separator: ", "))")
    }

    private func sent(_ token: String) -> InsertClient.Parameters {
        (knowsTokens ? [(Self.token, token)] : []) + Self.fixed(known, isSequential)
    }

    // MARK: What arrives

    /// What the server says of its settings: each value's bytes in hexadecimal digits, by name.
    typealias Values = [String: String]

    /// In one row, which no `limit` can cut.
    static var lookUpStatement: String {
        let list = names.map(quoteString).joined(separator: ", ")
        return "SELECT arrayStringConcat(groupArray(concat(name, '=', hex(value))), ' ') FROM system.settings"
            + " WHERE name IN (\(list)) FORMAT TabSeparated"
    }

    /// - Parameter answer: to ``lookUpStatement``; behind its first line come the extremes, where a profile asks for them.
    static func values(in answer: String) -> Values {
        var values: Values = [:]
        for pair in answer.prefix(while: { $0 != "\n" }).split(separator: " ") {
            let parts = pair.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2, names.contains(parts[0]) { values[parts[0]] = parts[1] }
        }
        return values
    }

    /// How they reach the server.
    ///
    /// - Parameters:
    ///   - token: what was sent with both questions.
    ///   - inStatement: nil where that is not asked, or refused. A setting that the server spells in another way than we do is spelled
    ///     like that here too.
    func passage(token: String, inURL: Values, inStatement: Values?) -> Passage.Settings {
        func isSent(_ setting: (name: String, value: String), _ values: Values?) -> Bool {
            values?[setting.name] == Self.hexadecimal(setting.value)
        }
        if sent(token).allSatisfy({ isSent($0, inURL) }) { return .url }
        guard isSent((Self.token, token), inStatement) else { return .lost }
        return inURL == inStatement ? .url : .statement
    }

    static func hexadecimal(_ value: String) -> String {
        value.utf8.map { String(256 + Int($0), radix: 16, uppercase: true).dropFirst() }.joined()
    }

    // MARK: Which

    static let names = [token] + values.map(\.name)

    private static let values: [(name: String, value: String)] =
        ofInserts + ofAnswers + overflowModes.map { ($0, "throw") }

    private static let ofInserts = [
        (knownToAll, "0"),
        // Asynchronous inserts (the default since 26.2) with deduplication tokens have lost rows: ClickHouse #111031.
        ("async_insert", "0"),
        // A Distributed table must have passed the rows on before it acknowledges them.
        ("insert_distributed_sync", "1"),
        // Rows that cannot be read are not skipped, and what is missing or out of range is not made up.
        ("input_format_allow_errors_num", "0"),
        ("input_format_allow_errors_ratio", "0"),
        ("input_format_json_ignore_unknown_keys_in_named_tuple", "0"),
        ("input_format_defaults_for_omitted_fields", "1"),
        ("input_format_force_null_for_omitted_fields", "0"),
        ("date_time_overflow_behavior", "throw"),
        // A repeated batch is recognised, by the table and by what its views write to.
        ("insert_deduplicate", "1"),
        ("deduplicate_insert", "enable"),
        ("deduplicate_blocks_in_dependent_materialized_views", "1"),
        ("materialized_views_ignore_errors", "0"),
        // A batch is one block: of one that cannot be read no part is stored, and one token stands for all of it.
        ("max_insert_block_size", "1048449"),
        ("min_insert_block_size_rows", "1048449"),
        ("min_insert_block_size_bytes", "268402944"),
        ("min_chunk_bytes_for_parallel_parsing", "10485760"),
        ("input_format_max_block_size_bytes", "0"),
        ("input_format_max_block_wait_ms", "0"),
        ("implicit_transaction", "0"),
        // At others the server takes good rows for bad ones.
        ("input_format_json_max_object_size", "536870912"),
        ("exclude_materialize_skip_indexes_on_insert", ""),
        // Without it, servers before 20 refuse the fraction and the "Z" of our times.
        ("date_time_input_format", "best_effort"),
        // Without it a server whose default is 0 (26.9's is 1) stores one in four doubles with another last digit.
        ("precise_float_parsing", "1"),
    ]

    private static let ofAnswers = [
        ("limit", "0"), ("offset", "0"), ("extremes", "0"), ("max_result_rows", "0"), ("max_result_bytes", "0"),
        ("use_query_cache", "0"), ("output_format_tsv_crlf_end_of_line", "0"), ("dialect", "clickhouse"),
        // They refuse questions that make no use of an index.
        ("force_index_by_date", "0"), ("force_primary_key", "0"),
        ("force_optimize_projection", "0"), ("force_optimize_projection_name", ""),
        // They hide rows.
        ("additional_table_filters", "{}"), ("additional_result_filter", ""),
    ]

    /// At a limit, an answer or an insert that ends early is an error, and not a shorter one.
    private static let overflowModes = [
        "timeout_overflow_mode", "timeout_overflow_mode_leaf", "read_overflow_mode", "read_overflow_mode_leaf",
        "result_overflow_mode", "group_by_overflow_mode", "sort_overflow_mode", "distinct_overflow_mode",
        "set_overflow_mode", "join_overflow_mode", "transfer_overflow_mode",
    ]
}
