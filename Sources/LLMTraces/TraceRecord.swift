public import ClickHouseWriter
public import Foundation

/// One request to a language model: a row of `ibex.llm_traces` (Migrations/clickhouse).
///
/// The types are exactly those of the table's columns, so no value can be wrapped or cut on its way.
public struct TraceRecord: Sendable, Equatable {
    /// The trace's own id, which no other has.
    public var traceID: UUID
    /// The request's id from the client. Several requests may share it.
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
        traceID: UUID = UUID(),
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
        self.traceID = traceID
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
    public static let columns: [Column<TraceRecord>] = [
        Column("trace_id", \.traceID),
        Column("request_id", \.requestID),
        Column("org_id", \.orgID),
        Column("agent_id", \.agentID),
        Column("session_id", \.sessionID),
        Column("checkpoint_id", \.checkpointID),
        Column("model", \.model),
        Column("provider", \.provider),
        Column("is_streaming", \.isStreaming),
        Column("input_tokens", \.inputTokens),
        Column("output_tokens", \.outputTokens),
        Column("total_tokens", \.totalTokens),
        Column("auth_latency_ms", \.authLatencyMs),
        Column("directive_latency_ms", \.directiveLatencyMs),
        Column("provider_ttfb_ms", \.providerTTFBMs),
        Column("total_latency_ms", \.totalLatencyMs),
        Column("status_code", \.statusCode),
        Column("is_complete", \.isComplete),
        Column("error_code", \.errorCode),
        Column("requested_at", \.requestedAt),
        Column("completed_at", \.completedAt),
    ]

    /// The trace's id and time. Tables that were made before traces had an id will do.
    public static let identity: RecordIdentity? = RecordIdentity(
        id: "trace_id",
        time: "requested_at",
        isOptional: true
    )
}
