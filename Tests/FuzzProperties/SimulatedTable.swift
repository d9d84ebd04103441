import ClickHouseHTTP
import Synchronization

/// Answers as ClickHouse would about one table that has all rows that it is asked for, or with any bytes.
final class SimulatedTable: HTTPTransport {
    private let columns: [String]
    private let timeColumn: String?
    private let idType: String
    private let stored: [RowKey]
    private let state: Mutex<State>

    private struct State {
        var anything: ByteSource?
        var questions: [String] = []
    }

    /// - Parameters:
    ///   - anything: what the answers are made of; nil for those of a healthy server.
    ///   - stored: each is said to be there twice.
    init(columns: [String], timeColumn: String?, idType: String, stored: [RowKey], anything: ByteSource?) {
        self.columns = columns
        self.timeColumn = timeColumn
        self.idType = idType
        self.stored = stored
        state = Mutex(State(anything: anything))
    }

    /// The queries for rows.
    var questions: [String] { state.withLock(\.questions) }

    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportFailure) -> HTTPResponse {
        let sql = String(decoding: request.body, as: UTF8.self)
        let made = state.withLock { state -> HTTPResponse? in
            if sql.contains("_writer_key") && !Self.isProbe(sql) { state.questions.append(sql) }
            // The first questions, about settings and columns, must be answered well for the others to be asked.
            return state.anything?.isEmpty ?? true ? nil : state.anything?.response()
        }
        return made ?? HTTPResponse(status: 200, body: Array(answer(to: sql).utf8))
    }

    func close() async {}

    /// Whether it asks only if rows may be asked for.
    private static func isProbe(_ sql: String) -> Bool { sql.contains(" AND 0 GROUP BY ") }

    private func answer(to sql: String) -> String {
        if sql.contains("system.settings") { return "input_format_skip_unknown_fields=30\n" }
        if sql.contains("version()") { return "26.9.2.1\n" }
        if sql.contains("system.tables") { return "MergeTree\tMergeTree ORDER BY tuple()\n" }
        if sql.contains("system.columns") {
            return columns.map { "\(escapeTabSeparated($0))\t\($0 == timeColumn ? "DateTime" : idType)\n" }.joined()
        }
        if sql.contains("merge_tree_settings") { return "" }
        if sql.contains("system.processes") { return "running\n0\n" }
        let rows = stored.map { key in
            "\(escapeTabSeparated(String(decoding: key.id, as: UTF8.self)))\t\(key.seconds ?? 0)\t2\n"
        }
        return "_writer_key\t_writer_seconds\t_writer_rows\n" + (Self.isProbe(sql) ? "" : rows.joined())
    }
}

extension ByteSource {
    fileprivate mutating func response() -> HTTPResponse? {
        // Half of the answers are a healthy server's.
        guard bool() else { return nil }
        var response = HTTPResponse(status: bool() ? 200 : Int(integer(UInt16.self)))
        if bool() { response.headers["x-clickhouse-exception-code"] = text() }
        let header = "_writer_key\t_writer_seconds\t_writer_rows\n"
        response.body = (bool() ? Array(header.utf8) : []) + bytes()
        return response
    }
}

/// As `FORMAT TabSeparated` does (https://clickhouse.com/docs/interfaces/formats/TabSeparated#data-formatting).
private func escapeTabSeparated(_ text: String) -> String {
    let escapes: [Unicode.Scalar: String] = [
        "\u{8}": "\\b", "\u{c}": "\\f", "\r": "\\r", "\n": "\\n", "\t": "\\t", "\0": "\\0", "'": "\\'", "\\": "\\\\",
    ]
    var escaped = ""
    for scalar in text.unicodeScalars { escaped += escapes[scalar] ?? String(scalar) }
    return escaped
}
