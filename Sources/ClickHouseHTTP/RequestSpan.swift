internal import Foundation
package import Tracing

extension InsertClient {
    /// The span of one request to one server, by OpenTelemetry's conventions for database clients
    /// (https://opentelemetry.io/docs/specs/semconv/database/database-spans/). It costs nothing worth counting without
    /// a tracer.
    ///
    /// - Parameter operation: the statement's first word.
    func withRequestSpan<Value: Sendable>(
        _ operation: String,
        at endpoint: Endpoint,
        _ body: () async throws(InsertFailure) -> Value
    ) async throws(InsertFailure) -> Value {
        let name = "\(operation) \(target.database).\(target.table)"
        let result = await withSpan(name, ofKind: .client) { span -> Result<Value, InsertFailure> in
            if span.isRecording {
                span.updateAttributes { attributes in
                    attributes["db.system.name"] = "clickhouse"
                    attributes["db.operation.name"] = operation
                    attributes["db.namespace"] = target.database
                    attributes["db.collection.name"] = target.table
                    let url = URLComponents(string: endpoint.url)
                    attributes["server.address"] = url?.host
                    attributes["server.port"] = url?.port
                }
            }
            do throws(InsertFailure) {
                return .success(try await body())
            } catch {
                // One that closing cut short says nothing about the server.
                if span.isRecording, !Task.isCancelled { span.record(error) }
                return .failure(error)
            }
        }
        return try result.get()
    }
}

extension Span {
    /// Marks what the span is about as failed. ClickHouse's words stay here: they may repeat a row, and a trace goes to
    /// who may not see records.
    package func record(_ failure: InsertFailure) {
        attributes["error.type"] = failure.kind.rawValue
        if let code = failure.code { attributes["db.response.status_code"] = String(code) }
        setStatus(SpanStatus(code: .error, message: failure.withoutQuotes))
    }
}
