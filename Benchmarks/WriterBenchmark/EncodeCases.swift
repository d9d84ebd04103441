import ArgumentParser
import BenchmarkSupport
import ClickHouseWriter
import Foundation
import LLMTraces

/// What it takes to make one record's row: written by its columns, by Foundation's encoder behind `Encodable`, and by that
/// encoder alone.
struct EncodeCases: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Nanoseconds to encode one TraceRecord, in each of the ways that a record can be written."
    )

    @Option(help: "Records of a run.")
    var records = 200_000

    @Option(help: "How often each way runs; the table shows medians.")
    var rounds = 5

    @Option(help: "Where the figures go.")
    var results = "Benchmarks/results.json"

    func run() throws {
        var results = try Results(path: results)
        for (who, time) in try measure() {
            results.set("encode", who, ["ns": time.rounded()])
            print("encode  \(who.padding(toLength: 14, withPad: " ", startingAt: 0)) \(Int(time)) ns")
        }
        try results.write()
    }

    /// - Returns: nanoseconds a record, medians.
    private func measure() throws -> [(who: String, time: Double)] {
        let sample = EncodableTrace(TraceRecord.sample)
        let columns = ColumnNames(TraceRecord.columnNames)
        let encoder = JSONEncoder()
        let finished = try TraceRecord.sample.row(columns)
        let ways: [(who: String, encode: () throws -> Int)] = [
            ("ours", { try TraceRecord.sample.row(columns).count }),
            ("ours, Encodable", { try sample.row(columns).count }),
            ("JSONEncoder", { try encoder.encode(sample).count }),
            // Copying the finished row.
            (
                "limit",
                {
                    [UInt8](unsafeUninitializedCapacity: finished.count) { $1 = $0.initialize(from: finished).index }
                        .count
                }
            ),
        ]
        var times = [[Double]](repeating: [], count: ways.count)
        for _ in 0..<rounds {
            for (index, way) in ways.enumerated() {
                var bytes = 0
                let start = ContinuousClock.now
                for _ in 0..<records { bytes += try way.encode() }
                times[index].append(start.duration(to: .now) / .nanoseconds(1) / Double(records))
                precondition(bytes > records)
            }
        }
        return zip(ways, times).map { ($0.who, $1.median) }
    }
}

/// A trace as a user would write it who knows `Encodable` and nothing of columns.
private struct EncodableTrace: ClickHouseRecord, Encodable {
    static let columns: [ColumnName] = TraceRecord.columns.map { ColumnName($0.name) }

    var trace_id: UUID
    var request_id: String
    var org_id: UUID
    var agent_id: UUID
    var session_id: UUID?
    var checkpoint_id: UUID?
    var model: String
    var provider: String
    var is_streaming: Bool
    var input_tokens: UInt32
    var output_tokens: UInt32
    var total_tokens: UInt32
    var auth_latency_ms: UInt16
    var directive_latency_ms: UInt16
    var provider_ttfb_ms: UInt32
    var total_latency_ms: UInt32
    var status_code: UInt16
    var is_complete: Bool
    var error_code: String
    var requested_at: Date
    var completed_at: Date

    init(_ trace: TraceRecord) {
        trace_id = trace.traceID
        request_id = trace.requestID
        org_id = trace.orgID
        agent_id = trace.agentID
        session_id = trace.sessionID
        checkpoint_id = trace.checkpointID
        model = trace.model
        provider = trace.provider
        is_streaming = trace.isStreaming
        input_tokens = trace.inputTokens
        output_tokens = trace.outputTokens
        total_tokens = trace.totalTokens
        auth_latency_ms = trace.authLatencyMs
        directive_latency_ms = trace.directiveLatencyMs
        provider_ttfb_ms = trace.providerTTFBMs
        total_latency_ms = trace.totalLatencyMs
        status_code = trace.statusCode
        is_complete = trace.isComplete
        error_code = trace.errorCode
        requested_at = trace.requestedAt
        completed_at = trace.completedAt
    }
}
