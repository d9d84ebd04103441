internal import ClickHouseHTTP
internal import SQLiteSpool
internal import Tracing

/// The span `clickhouse.flush` around one attempt to deliver one batch, from reading its rows to letting them go.
///
/// Its children are what takes the time: `INSERT <table>` and `SELECT <table>` for each request to a server,
/// `clickhouse.reconcile` and `clickhouse.acknowledge`. It belongs to no request of the process, so it starts a trace of
/// its own. Without a tracer it costs nothing worth counting.
struct FlushSpan {
    /// How an attempt ended, the attribute `clickhouse.outcome`.
    enum Outcome: String {
        case accepted
        /// Some or all of it was found in the table, and is not sent again.
        case stored
        case kept
        case split
        case deadLettered = "dead letter"
        case cancelled
        case spoolFailed = "spool failed"
    }

    private let span: any Span

    static func around(
        _ batch: Batch,
        to target: SpoolDestination,
        _ body: (FlushSpan) async -> Outcome
    ) async {
        await withSpan("clickhouse.flush", context: .topLevel) { span in
            if span.isRecording {
                span.updateAttributes { attributes in
                    attributes["db.system.name"] = "clickhouse"
                    attributes["db.operation.name"] = "INSERT"
                    attributes["db.namespace"] = target.database
                    attributes["db.collection.name"] = target.table
                    attributes["db.operation.batch.size"] = batch.records
                    attributes["clickhouse.batch.token"] = batch.token
                    attributes["clickhouse.batch.bytes"] = batch.payloadBytes
                    attributes["clickhouse.batch.failed_attempts"] = batch.attempts
                }
            }
            let outcome = await body(FlushSpan(span: span))
            if span.isRecording { span.attributes["clickhouse.outcome"] = outcome.rawValue }
        }
    }

    func failed(_ failure: InsertFailure) {
        guard span.isRecording else { return }
        span.record(failure)
    }

    func failed(_ error: SpoolError) {
        guard span.isRecording else { return }
        span.attributes["error.type"] = "spool"
        span.recordError(error)
        span.setStatus(SpanStatus(code: .error, message: "\(error)"))
    }
}
