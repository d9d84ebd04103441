internal import Foundation
internal import LLMTraces

/// A trace while its request is under way.
struct TraceDraft: Sendable {
    let identity: RequestIdentity
    let provider: String
    let requestedAt = Date()
    private let start = ContinuousClock.now

    var model = ""
    var isStreaming = false
    var usage: UsageObserver.Usage?
    var statusCode: UInt16 = 0
    private var timeToFirstByte: Duration?

    init(identity: RequestIdentity, provider: String) {
        self.identity = identity
        self.provider = provider
    }

    /// Notes the provider's first byte.
    mutating func markFirstByte() {
        timeToFirstByte = timeToFirstByte ?? start.duration(to: .now)
    }

    /// The trace of a request that is over.
    ///
    /// - Parameter error: why the response did not get to its end; nil when it did.
    func finish(error: String?) -> TraceRecord {
        let duration = start.duration(to: .now)
        return TraceRecord(
            requestID: identity.requestID,
            orgID: identity.orgID,
            agentID: identity.agentID,
            sessionID: identity.sessionID,
            model: model,
            provider: provider,
            isStreaming: isStreaming,
            inputTokens: usage?.promptTokens ?? 0,
            outputTokens: usage?.completionTokens ?? 0,
            totalTokens: usage?.totalTokens ?? 0,
            authLatencyMs: 0,
            directiveLatencyMs: 0,
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
    static func milliseconds(_ duration: Duration) -> UInt32 {
        UInt32(clamping: Int64((duration / .milliseconds(1)).rounded()))
    }
}
