import ClickHouseHTTP
@testable import ClickHouseWriter
import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct FlushPolicyTests {
    private let policy = FlushPolicy(maxBatchSize: 100, flushInterval: .seconds(5))

    @Test(arguments: [
        (0, Duration.zero, false, FlushPolicy.Decision.wait(nil)),
        (0, .zero, true, .wait(nil)),
        (1, .zero, false, .wait(.seconds(5))),
        (1, .seconds(2), false, .wait(.seconds(3))),
        (1, .milliseconds(4_999), false, .wait(.milliseconds(1))),
        (1, .seconds(5), false, .sendNow),
        (99, .seconds(60), false, .sendNow),
        (99, .zero, false, .wait(.seconds(5))),
        (100, .zero, false, .sendNow),
        (1, .zero, true, .sendNow),
        (1, .seconds(-3_600), false, .wait(.seconds(5))),
    ])
    func `a batch goes when it is full, old or asked for`(
        pending: Int,
        age: Duration,
        isFlushRequested: Bool,
        decision: FlushPolicy.Decision
    ) {
        #expect(policy.decide(pending: pending, oldestAge: age, isFlushRequested: isFlushRequested) == decision)
    }

    @Test(arguments: [
        (0, 1, true), (1, 2, false), (98, 99, false), (99, 100, true), (100, 101, false), (0, 500, true), (5, 0, false),
    ])
    func `the flusher wakes for the first record and the one that fills a batch`(before: Int, after: Int, wakes: Bool) {
        #expect(policy.mustWake(pendingBefore: before, pendingAfter: after) == wakes)
    }
}

@Suite(.bounded) struct BackoffPolicyTests {
    private let policy = BackoffPolicy(minDelay: .milliseconds(500), maxDelay: .seconds(30))

    @Test(arguments: [
        (1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 16.0), (7, 30.0), (8, 30.0), (1_000_000, 30.0),
    ])
    func `the longest wait doubles up to the maximum, and any part of it may be drawn`(failures: Int, ceiling: Double) {
        for random in [0, 0.25, 0.999] {
            let delay = policy.delay(failures: failures, retryAfter: nil, random: random)
            #expect(abs(delay.inSeconds - ceiling * random) < 1e-6)
        }
    }

    @Test func `what the server asks for is not undercut`() {
        #expect(policy.delay(failures: 1, retryAfter: .seconds(60), random: 0.5) == .seconds(60))
        #expect(policy.delay(failures: 7, retryAfter: .seconds(1), random: 0.5) == .seconds(15))
    }
}

@Suite(.bounded) struct WakeupTests {
    // Each wait would last until the test is ended, were it not for what ends it.
    @Test func `a signal before the wait is not lost`() async {
        let wakeup = Wakeup()
        wakeup.signal()
        await wakeup.wait(until: nil, clock: ManualClock())
    }

    @Test func `a wait ends at its timeout, at a signal and at cancellation`() async {
        let wakeup = Wakeup()
        let clock = ManualClock()
        let deadline = clock.now.advanced(by: .seconds(5))
        async let timedOut = wakeup.wait(until: deadline, clock: clock)
        await clock.waitForSleeper()
        clock.advance(by: .seconds(5))
        await timedOut

        async let signalled = wakeup.wait(until: deadline.advanced(by: .seconds(5)), clock: clock)
        await clock.waitForSleeper()
        wakeup.signal()
        await signalled

        let cancelled = Task { await wakeup.wait(until: nil, clock: clock) }
        cancelled.cancel()
        await cancelled.value
    }
}

@Suite(.bounded) struct ResendPolicyTests {
    private static func profile(_ guarantee: Guarantee, canReconcile: Bool = true) -> DestinationProfile {
        DestinationProfile(version: "26.9", guarantee: guarantee, canReconcile: canReconcile)
    }

    @Test(arguments: [
        (nil, Duration.zero, false),
        (profile(.token(limit: nil)), .seconds(59), false),
        // Other writers' batches push it out of the window, however long that lasts.
        (profile(.token(limit: nil)), .seconds(60), true),
        // The clock was set back: nobody knows how old it is.
        (profile(.token(limit: nil)), .seconds(-1), true),
        (profile(.token(limit: "within the newest 10000 blocks"), canReconcile: false), .seconds(9_999), false),
        (profile(.reconciliation(reason: "plain")), .zero, true),
        (profile(.atLeastOnce(reason: "plain"), canReconcile: false), .zero, false),
    ])
    func `a batch that may be stored goes again under its token, or what is missing of it`(
        destination: DestinationProfile?,
        age: Duration,
        mustAsk: Bool
    ) {
        #expect(ResendPolicy.mustAsk(destination, age: age) == mustAsk)
    }
}

@Suite(.bounded) struct BatchSizingTests {
    @Test func `sizes grow fourfold with each full batch, and end at the most`() {
        var sizing = BatchSizing(usual: 100, most: 1_000)
        var sizes: [Int] = []
        for _ in 0..<6 {
            sizes.append(sizing.maxRecords(pending: 500))
            sizing.grow(after: sizes[sizes.count - 1])
        }
        #expect(sizes == [100, 400, 1_000, 1_000, 1_000, 1_000])
        #expect(sizing.maxRecords(pending: 400) == 100, "without a backlog batches are as usual")
    }

    @Test(arguments: [true, false])
    func `what was too large is halved, below the usual size too, and tried again after a hundred batches`(
        isCatchingUp: Bool
    ) {
        var sizing = BatchSizing(usual: 100, most: 1_000, isCatchingUp: isCatchingUp)
        for _ in 0..<2 { sizing.grow(after: sizing.maxRecords(pending: 10_000)) }
        for (size, half) in [(1_000, 500), (500, 250), (250, 125), (125, 62)] {
            sizing.shrink(from: size)
            #expect(sizing.maxRecords(pending: 10_000) == half)
        }
        sizing.grow(after: 10)
        for _ in 1..<100 { sizing.grow(after: 62) }
        #expect(sizing.maxRecords(pending: 10_000) == 62, "a small batch shows nothing")
        sizing.grow(after: 62)
        #expect(sizing.maxRecords(pending: 10_000) > 62)
        for _ in 0..<9 { sizing.shrink(from: 1) }
        #expect(sizing.maxRecords(pending: 10_000) == 1)
    }

    @Test func `no size is too large to be counted with`() {
        var sizing = BatchSizing(usual: .max, most: .max)
        sizing.grow(after: .max)
        #expect(sizing.maxRecords(pending: .max) == .max)
    }

    @Test func `turned off, no batch is larger than usual`() {
        var sizing = BatchSizing(usual: 100, most: 0)
        for _ in 0..<9 { sizing.grow(after: 100) }
        #expect(sizing.maxRecords(pending: 1_000_000) == 100)
    }
}
