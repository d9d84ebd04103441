public import ClickHouseWriter
public import Foundation

/// One request to a language model: a row of `ibex.llm_traces` (Migrations/clickhouse).
///
/// The types are exactly those of the table's columns, so no value can be wrapped or cut on its way.
public struct TraceRecord: Sendable, Equatable {
    /// The request's own id, unique where somebody looks for it.
    public var requestID: String
    /// The organisation that pays.
    public var orgID: UUID
    /// The agent that asked.
    public var agentID: UUID
    /// The conversation, where there is one.
    public var sessionID: UUID?
    /// The state that the agent went on from, where there is one.
    public var checkpointID: UUID?
    /// The model as it was asked for.
    public var model: String
    /// Who answered.
    public var provider: String
    /// Whether the response was a stream of events.
    public var isStreaming: Bool
    /// Tokens of the prompt, by the provider's own count, as are the next two.
    public var inputTokens: UInt32
    /// Tokens of the completion.
    public var outputTokens: UInt32
    /// Tokens that are charged.
    public var totalTokens: UInt32
    /// Milliseconds for checking who asks.
    public var authLatencyMs: UInt16
    /// Milliseconds for applying a system directive.
    public var directiveLatencyMs: UInt16
    /// Milliseconds to the first byte from the provider.
    public var providerTTFBMs: UInt32
    /// Milliseconds from the request's head to the response's end.
    public var totalLatencyMs: UInt32
    /// The HTTP status that was answered.
    public var statusCode: UInt16
    /// Whether the response was sent to its end.
    public var isComplete: Bool
    /// Empty when nothing went wrong.
    public var errorCode: String
    /// When the request's head arrived. Stored to the millisecond, as is ``completedAt``.
    public var requestedAt: Date
    /// When the response's last byte was sent, or the request given up.
    public var completedAt: Date

    /// One value a column.
    public init(
        requestID: String,
        orgID: UUID,
        agentID: UUID,
        sessionID: UUID? = nil,
        checkpointID: UUID? = nil,
        model: String,
        provider: String,
        isStreaming: Bool,
        inputTokens: UInt32,
        outputTokens: UInt32,
        totalTokens: UInt32,
        authLatencyMs: UInt16,
        directiveLatencyMs: UInt16,
        providerTTFBMs: UInt32,
        totalLatencyMs: UInt32,
        statusCode: UInt16,
        isComplete: Bool,
        errorCode: String = "",
        requestedAt: Date,
        completedAt: Date
    ) {
        self.requestID = requestID
        self.orgID = orgID
        self.agentID = agentID
        self.sessionID = sessionID
        self.checkpointID = checkpointID
        self.model = model
        self.provider = provider
        self.isStreaming = isStreaming
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.totalTokens = totalTokens
        self.authLatencyMs = authLatencyMs
        self.directiveLatencyMs = directiveLatencyMs
        self.providerTTFBMs = providerTTFBMs
        self.totalLatencyMs = totalLatencyMs
        self.statusCode = statusCode
        self.isComplete = isComplete
        self.errorCode = errorCode
        self.requestedAt = requestedAt
        self.completedAt = completedAt
    }
}

extension TraceRecord: ClickHouseRecord {
    /// The table's columns, but for `event_date`, which ClickHouse computes.
    public static let columns = [
        Column("request_id", String.self), Column("org_id", UUID.self), Column("agent_id", UUID.self),
        Column("session_id", UUID?.self), Column("checkpoint_id", UUID?.self), Column("model", String.self),
        Column("provider", String.self), Column("is_streaming", Bool.self), Column("input_tokens", UInt32.self),
        Column("output_tokens", UInt32.self), Column("total_tokens", UInt32.self),
        Column("auth_latency_ms", UInt16.self), Column("directive_latency_ms", UInt16.self),
        Column("provider_ttfb_ms", UInt32.self), Column("total_latency_ms", UInt32.self),
        Column("status_code", UInt16.self), Column("is_complete", Bool.self), Column("error_code", String.self),
        Column("requested_at", Date.self), Column("completed_at", Date.self),
    ]

    /// The request's id and time.
    public static let identity: RecordIdentity? = RecordIdentity(id: "request_id", time: "requested_at")

    /// Writes all twenty columns.
    public func encode(to row: inout RowEncoder) {
        row.write("request_id", requestID)
        row.write("org_id", orgID)
        row.write("agent_id", agentID)
        row.write("session_id", sessionID)
        row.write("checkpoint_id", checkpointID)
        row.write("model", model)
        row.write("provider", provider)
        row.write("is_streaming", isStreaming)
        row.write("input_tokens", inputTokens)
        row.write("output_tokens", outputTokens)
        row.write("total_tokens", totalTokens)
        row.write("auth_latency_ms", authLatencyMs)
        row.write("directive_latency_ms", directiveLatencyMs)
        row.write("provider_ttfb_ms", providerTTFBMs)
        row.write("total_latency_ms", totalLatencyMs)
        row.write("status_code", statusCode)
        row.write("is_complete", isComplete)
        row.write("error_code", errorCode)
        row.write("requested_at", requestedAt)
        row.write("completed_at", completedAt)
    }
}
