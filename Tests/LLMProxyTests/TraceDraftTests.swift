import Foundation
@testable import llm_proxy
import Testing

@Suite struct TraceDraftTests {
    private func draft(isAlwaysTraced: Bool = true) throws -> TraceDraft {
        TraceDraft(identity: try RequestIdentity([:]), provider: "p", isAlwaysTraced: isAlwaysTraced)
    }

    @Test(arguments: [
        (Duration.zero, UInt32(0)), (.microseconds(1_499), 1), (.microseconds(1_501), 2),
        (.seconds(4_294_967), 4_294_967_000),
        (.seconds(5_000_000), .max), (.seconds(-1), 0),
    ])
    func `a latency ends at the column's maximum instead of wrapping`(duration: Duration, milliseconds: UInt32) {
        #expect(TraceDraft.milliseconds(duration) == milliseconds)
        #expect(TraceDraft.milliseconds(duration) == UInt16(clamping: milliseconds))
    }

    @Test func `each phase has its column`() throws {
        var draft = try draft()
        draft.authLatency = .seconds(70)
        draft.directiveLatency = .milliseconds(3)
        draft.timeToFirstByte = .milliseconds(40)
        draft.usage = Usage(input: 1, output: 2)
        let trace = try #require(draft.finish(error: nil))
        #expect(trace.authLatencyMs == .max)
        #expect(trace.directiveLatencyMs == 3)
        #expect(trace.providerTTFBMs == 40)
        #expect((trace.inputTokens, trace.outputTokens, trace.totalTokens) == (1, 2, 3))
        #expect(trace.isComplete)
        #expect(trace.completedAt >= trace.requestedAt)
    }

    @Test func `what asks no model has a trace only when it took tokens`() throws {
        var draft = try draft(isAlwaysTraced: false)
        #expect(draft.finish(error: "x") == nil)
        draft.usage = Usage(input: 1, output: nil)
        #expect(draft.finish(error: nil)?.totalTokens == 1)
    }
}
