@testable import ClickHouseHTTP
import Foundation
import Synchronization

/// What a server says of itself and its table before anything is inserted.
struct ScriptedServer: Sendable {
    var version = "26.9.2.1"
    var settings = RequestSettings.names
    var engine = "MergeTree"
    var definition = "MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 10000"
    var columns = "n\tUInt64\n"
    var mergeTreeSettings = ""

    /// The tables' views, and what `system.tables` says of those and of their targets.
    var views = ""
    var others = ""

    static let modern = ScriptedServer()
    static let legacy = ScriptedServer(
        version: "18.16.1",
        settings: ["date_time_input_format", "input_format_skip_unknown_fields"],
        definition: "MergeTree ORDER BY n SETTINGS index_granularity = 8192"
    )

    /// As a server that names queries in its responses, unless it is an old one.
    func answer(_ request: HTTPRequest) -> HTTPResponse {
        var response = unnamedAnswer(request)
        if settings.contains(RequestSettings.token) {
            response.headers["x-clickhouse-query-id"] = request.parameter("query_id") ?? "its own"
        }
        return response
    }

    private func unnamedAnswer(_ request: HTTPRequest) -> HTTPResponse {
        if request.isInsert { return HTTPResponse(status: 200) }
        if request.asks("system.settings") { return .settings(settings.map { ($0, request.setting($0) ?? "1") }) }
        if request.asks("version()") { return .text(version + "\n") }
        if request.asks("dependencies_table") { return .text(request.asks("'t')") ? views : "") }
        if request.asks("SELECT database, name, ") { return .text(others) }
        if request.asks("system.tables") { return .text(engine.isEmpty ? "" : "\(engine)\t\(definition)\n") }
        if request.asks("system.columns") { return .text(columns) }
        if request.asks("merge_tree_settings") { return .text(mergeTreeSettings) }
        if request.asks("system.processes") { return .text("running\n0\n") }
        if request.asks("system.replicas") { return .text("complete\n1\n") }
        return .text("_writer_key\t_writer_seconds\t_writer_rows\n")
    }
}

/// Answers requests by a function, or as a healthy server would, and keeps them.
final class ScriptedTransport: HTTPTransport {
    /// nil is as a healthy server. Gets the requests that came earlier too.
    typealias Answer = @Sendable (HTTPRequest, [HTTPRequest]) throws(TransportFailure) -> HTTPResponse?

    private let server: ScriptedServer
    private let answer: Answer
    private let requests = Mutex<[HTTPRequest]>([])

    init(_ server: ScriptedServer = .modern, _ answer: @escaping Answer = { _, _ in nil }) {
        self.server = server
        self.answer = answer
    }

    var sent: [HTTPRequest] { requests.withLock { $0 } }
    var inserts: [HTTPRequest] { sent.filter(\.isInsert) }

    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportFailure) -> HTTPResponse {
        let earlier = requests.withLock { requests in
            defer { requests.append(request) }
            return requests
        }
        return try answer(request, earlier) ?? server.answer(request)
    }

    func close() async {}
}

func makeClient(
    _ transport: ScriptedTransport,
    urls: [String] = ["http://a:8123"],
    columns: [String] = ["n"],
    columnProblem: @escaping @Sendable ([String: String]) -> String? = { _ in nil },
    identity: IdentityColumns? = nil,
    credentials: Credentials? = nil,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
) throws -> InsertClient {
    InsertClient(
        endpoints: try urls.map { try Endpoint.parse($0).endpoint },
        target: InsertTarget(database: "ibex", table: "t"),
        columns: columns,
        columnProblem: columnProblem,
        identity: identity,
        credentials: credentials,
        requestTimeout: .seconds(1),
        transport: transport,
        now: now,
        sleep: { _ in }
    )
}

extension HTTPRequest {
    var isInsert: Bool { parameter("query") != nil }

    var text: String { String(decoding: body, as: UTF8.self) }

    func asks(_ text: String) -> Bool { !isInsert && self.text.contains(text) }

    /// Not only whether that may be asked.
    var asksForRows: Bool { asks("AS _writer_key") && !asks(" AND 0 ") }

    func isTo(_ host: String) -> Bool { url.hasPrefix("http://\(host):") }

    func parameter(_ name: String) -> String? {
        URLComponents(string: url)?.queryItems?.first { $0.name == name }?.value
    }

    /// As it is sent, in the statement or in the URL.
    func setting(_ name: String) -> String? {
        let statement = parameter("query") ?? text
        guard let start = statement.firstRange(of: " \(name) = '")?.upperBound else { return parameter(name) }
        return String(statement[start...].prefix { $0 != "'" })
    }
}

extension HTTPResponse {
    static func text(_ text: String, headers: [String: String] = [:]) -> HTTPResponse {
        HTTPResponse(status: 200, headers: headers, body: Array(text.utf8))
    }

    /// What a server says of its settings.
    static func settings(_ settings: [(name: String, value: String)]) -> HTTPResponse {
        let pairs = settings.map { name, value in "\(name)=\(RequestSettings.hexadecimal(value))" }
        return .text(pairs.joined(separator: " ") + "\n")
    }

    static func exception(_ code: Int, _ message: String = "it failed") -> HTTPResponse {
        HTTPResponse(
            status: 500,
            headers: ["x-clickhouse-exception-code": "\(code)"],
            body: Array("Code: \(code). DB::Exception: \(message)".utf8)
        )
    }
}
