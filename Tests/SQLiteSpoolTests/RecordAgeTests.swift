import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

/// A machine without a battery for its clock starts in 1970, and NTP sets the clock at any moment.
@Suite(.bounded) struct RecordAgeTests {
    private static let in1970 = WallInstant(milliseconds: 60_000)
    private static let in2026 = WallInstant(milliseconds: 1_795_000_000_000)
    private static let in2036 = WallInstant(milliseconds: 2_100_000_000_000)

    private let limits = SpoolLimits(maxAge: .seconds(3_600))

    /// Has the spool look at the ages, as each commit does.
    private func dropped(_ spool: Spool) async throws -> Int {
        try await spool.report(DeliveryReport(state: .fine))
        return spool.summary.dropped
    }

    @Test(arguments: [(in1970, in2026), (in2026, in1970), (in2036, in2026), (in2026, in2036)])
    func `a clock that is set while the spool is open ages no record, and time that passes does`(
        before: WallInstant,
        after: WallInstant
    ) async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock(now: before)
            try await withSpool(at: directory + "/s", limits: limits, clock: clock) { spool in
                try await spool.appendNumbers(0..<3)
                clock.advance(by: .seconds(2_000))
                clock.set(to: after)
                #expect(try await dropped(spool) == 0)
                try await spool.appendNumbers(3..<5)
                clock.advance(by: .seconds(1_599))
                #expect(try await dropped(spool) == 0)
                clock.advance(by: .seconds(2))
                #expect(try await dropped(spool) == 3)
                // And back again.
                clock.set(to: before)
                clock.advance(by: .seconds(1_990))
                #expect(try await dropped(spool) == 3)
                clock.advance(by: .seconds(20))
                #expect(try await dropped(spool) == 5)
            }
        }
    }

    @Test(arguments: [(in1970, in2026), (in2026, in1970), (in2036, in2026)])
    func `a clock that is set between two owners ages no record, and time that passes does`(
        before: WallInstant,
        after: WallInstant
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s", limits: limits, clock: ManualClock(now: before)) { spool in
                try await spool.appendNumbers(0..<3)
            }
            let clock = ManualClock(now: after)
            try await withSpool(at: directory + "/s", limits: limits, clock: clock) { spool in
                #expect(try await dropped(spool) == 0)
                try await spool.appendNumbers(3..<5)
                clock.advance(by: .seconds(3_590))
                #expect(try await dropped(spool) == 0)
                clock.advance(by: .seconds(20))
                #expect(try await dropped(spool) == 5)
            }
        }
    }

    @Test func `time that passed between two owners counts`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s", limits: limits, clock: ManualClock(now: Self.in2026)) { spool in
                try await spool.appendNumbers(0..<3)
            }
            let later = ManualClock(now: Self.in2026.advanced(by: .seconds(3_601)))
            try await withSpool(at: directory + "/s", limits: limits, clock: later) { spool in
                let count = try await dropped(spool)
                #expect(count == 3)
            }
        }
    }

    @Test func `a clock that creeps is followed`() async throws {
        let clock = ManualClock(now: Self.in2026)
        var ages = RecordAges(recoveredThrough: 0, clock: clock)
        let ledger = Ledger(
            uuid: "",
            lastID: 1,
            records: 1,
            payloadBytes: 1,
            deadLetters: 0,
            dropped: 0,
            batches: [],
            frozenThrough: 0
        )
        let stamp = clock.now.milliseconds
        // A tenth of a second too many in each second.
        for _ in 0..<100 {
            clock.advance(by: .seconds(1))
            clock.set(to: clock.now.advanced(by: .milliseconds(100)))
            ages.look(at: clock.now, elapsed: clock.elapsed, ledger)
        }
        let age = ages.age(of: 1, enqueuedAt: stamp, now: clock.now)
        #expect((.seconds(100) ... .seconds(101)).contains(age))
    }
}
