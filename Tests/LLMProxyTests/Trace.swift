import ClickHouseStandIn
import Foundation

/// A row of `ibex.llm_traces`.
struct Trace: Decodable {
    var request_id: String
    var org_id: String
    var agent_id: String
    var session_id: String?
    var model: String
    var provider: String
    var is_streaming: Bool
    var input_tokens: Int
    var output_tokens: Int
    var total_tokens: Int
    var auth_latency_ms: Int
    var directive_latency_ms: Int
    var provider_ttfb_ms: Int
    var total_latency_ms: Int
    var status_code: Int
    var is_complete: Bool
    var error_code: String

    static func all(in store: StandInStore) async throws -> [Trace] {
        try await store.rows(database: "ibex", table: "llm_traces")
            .map { try JSONDecoder().decode(Trace.self, from: Data($0.utf8)) }
    }

    /// Those in the file of a stand-in that ran inside of the proxy.
    static func all(in directory: String) async throws -> [Trace] {
        let store = try StandInStore(path: directory + "/stand-in.sqlite")
        let traces = try await all(in: store)
        await store.close()
        return traces
    }
}
