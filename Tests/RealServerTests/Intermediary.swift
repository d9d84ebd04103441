import Foundation
import NIOHTTP1
import Testing

/// What a proxy leaves of a request beside statement and rows, and of its response.
struct Intermediary: Sendable, CustomTestStringConvertible {
    /// The parameters that are passed on; nil is all of them.
    var parameters: Set<String>?

    /// Whether it gives each query an id of its own.
    var replacesIDs = false

    /// Whether a response names a query.
    var namesQueries = true

    /// What it adds to the settings of an insert.
    var settings: [String: String] = [:]

    /// Rows of the longest insert that it passes on; it cuts the connection of a longer one.
    var mostRows = Int.max

    static let transparent = Intermediary()

    /// https://github.com/ContentSquare/chproxy, scope.go
    static let chproxy = Intermediary(
        parameters: [
            "query", "database", "default_format", "compress", "decompress", "enable_http_compression",
            "max_result_rows",
            "extremes", "result_overflow_mode", "session_id", "session_timeout",
        ],
        replacesIDs: true
    )

    static let withOwnIDs = Intermediary(replacesIDs: true)
    static let withoutIDs = Intermediary(namesQueries: false)

    var testDescription: String { "\(parameters == nil ? "all" : "few") parameters, \(replacesIDs), \(namesQueries)" }

    /// What the guarantee says of it.
    var findings: String {
        let ids = replacesIDs ? "; an intermediary replaces query ids" : namesQueries ? "" : "; responses name no query"
        return ids + (parameters == nil ? "" : "; settings travel in the statement")
    }

    func pass(uri: String) -> String {
        guard var components = URLComponents(string: uri) else { return uri }
        components.percentEncodedQueryItems = components.percentEncodedQueryItems?.filter { item in
            (parameters?.contains(item.name) ?? true) && !(replacesIDs && item.name == "query_id")
        }
        if uri.contains("INSERT") {
            components.percentEncodedQueryItems?.append(
                contentsOf: settings.map { URLQueryItem(name: $0.key, value: $0.value) }
            )
        }
        if replacesIDs {
            let item = URLQueryItem(name: "query_id", value: "\(UInt64.random(in: 0 ... .max))")
            components.percentEncodedQueryItems?.append(item)
        }
        return components.string ?? uri
    }

    func pass(_ headers: HTTPHeaders) -> HTTPHeaders {
        var headers = headers
        if !namesQueries { headers.remove(name: "X-ClickHouse-Query-Id") }
        return headers
    }
}
