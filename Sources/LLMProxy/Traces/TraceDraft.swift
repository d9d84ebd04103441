internal import Foundation
internal import LLMTraces

/// A trace while its request is under way.
struct TraceDraft: Sendable {
    let identity: RequestIdentity
    let provider: String
    let requestedAt = Date()
    let start: ContinuousClock.Instant

    /// Whether it becomes a trace also when no usage is found, because the request asks a model for something.
    var isAlwaysTraced: Bool

    var model = ""
    var isStreaming = false
    var usage: Usage?
    var statusCode: UInt16 = 0
    var authLatency = Duration.zero
    var directiveLatency = Duration.zero

    /// From the request to the provider until the first byte of its response; nil when there was none.
    var timeToFirstByte: Duration?

    /// - Parameter start: when the request's head had arrived.
    init(
        identity: RequestIdentity,
        provider: String,
        isAlwaysTraced: Bool,
        start: ContinuousClock.Instant = .now
    ) {
        self.identity = identity
        self.provider = provider
        self.isAlwaysTraced = isAlwaysTraced
        self.start = start
    }

    /// The trace of a request that is over; nil when it has none, as it took no tokens.
    ///
    /// - Parameter error: why the response is not what was asked for; nil when it is.
    func finish(error: String?) -> TraceRecord? {
        guard isAlwaysTraced || usage != nil else { return nil }
        let duration = start.duration(to: .now)
        return TraceRecord(
            requestID: identity.requestID,
            orgID: identity.orgID,
            agentID: identity.agentID,
            sessionID: identity.sessionID,
            model: model,
            provider: provider,
            isStreaming: isStreaming,
            inputTokens: usage?.input ?? 0,
            outputTokens: usage?.output ?? 0,
            totalTokens: usage?.total ?? 0,
            authLatencyMs: Self.milliseconds(authLatency),
            directiveLatencyMs: Self.milliseconds(directiveLatency),
            providerTTFBMs: Self.milliseconds(timeToFirstByte ?? .zero),
            totalLatencyMs: Self.milliseconds(duration),
            statusCode: statusCode,
            isComplete: error == nil,
            errorCode: error ?? "",
            requestedAt: requestedAt,
            // From the monotonic clock, so that the two times and the latency agree also when the time is set.
            completedAt: requestedAt.addingTimeInterval(duration / .seconds(1))
        )
    }

    /// Whole milliseconds; at the column's maximum instead of past it.
    static func milliseconds<Column: FixedWidthInteger>(_ duration: Duration) -> Column {
        Column(clamping: Int64((duration / .milliseconds(1)).rounded()))
    }
}
