import Foundation
@testable import SQLiteSpool
import Synchronization
import TestSupport
import Testing

@Suite(.bounded) struct SpoolLimitsTests {
    @Test func `a little more is taken while nearly all is in batches, and no more than is missing`() {
        let limits = SpoolLimits(maxBytes: 1_000, maxRecords: 100)
        #expect(limits.raised(inFlight: 0, bytes: 0) == limits)
        #expect(limits.raised(inFlight: 95, bytes: 950) == limits)
        #expect(limits.raised(inFlight: 98, bytes: 980) == SpoolLimits(maxBytes: 1_030, maxRecords: 103))
        #expect(limits.raised(inFlight: 500, bytes: 5_000) == SpoolLimits(maxBytes: 1_050, maxRecords: 105))
    }

    @Test(arguments: [
        (SpoolLimits(maxBytes: 100), 0, 0, 1, 100, SpoolLimits.Excess.none),
        (SpoolLimits(maxBytes: 100), 9, 60, 1, 41, SpoolLimits.Excess(records: 0, bytes: 1)),
        (SpoolLimits(maxBytes: 100, maxRecords: 10), 9, 0, 1, 1, .none),
        (SpoolLimits(maxBytes: 100, maxRecords: 10), 10, 0, 3, 1, SpoolLimits.Excess(records: 3, bytes: 0)),
        (SpoolLimits(maxBytes: 100, maxRecords: 10), 12, 99, 1, 2, SpoolLimits.Excess(records: 3, bytes: 1)),
    ])
    func `what is too much must go`(
        limits: SpoolLimits,
        records: Int,
        bytes: Int,
        newRecords: Int,
        newBytes: Int,
        excess: SpoolLimits.Excess
    ) {
        #expect(limits.excess(records: records, bytes: bytes, newRecords: newRecords, newBytes: newBytes) == excess)
    }

    @Test func `at the limit of records the new ones are refused, and the others are not touched`() async throws {
        try await withTemporaryDirectory { directory in
            let events = EventRecorder()
            let limits = SpoolLimits(maxRecords: 10)
            try await withSpool(at: directory + "/s", limits: limits, onEvent: events.record) { spool in
                try await spool.appendNumbers(0..<10)
                let error = await #expect(throws: SpoolError.self) { try await spool.append(payload(10)) }
                #expect(error?.code == .full)
                #expect(error?.message.contains("10 records of at most 10") == true)
                _ = await #expect(throws: SpoolError.self) { try await spool.append(payload(11)) }
                let batch = try #require(try await spool.next(4)).batch
                try await spool.acknowledge(batch)
                try await spool.appendNumbers(12..<16)
                #expect(spool.summary.undelivered == 10)
                #expect(spool.summary.dropped == 0)
            }
            // Said once, and once that it is over.
            #expect(events.states == [.full, .sound])
        }
    }

    @Test(arguments: [false, true])
    func `what is gone behind a batch in flight is gone after opening again, and nothing is lost`(drops: Bool)
        async throws
    {
        try await withTemporaryDirectory { directory in
            let limits = SpoolLimits(maxRecords: 200, whenFull: .dropOldest)
            let summary = try await withSpool(at: directory + "/s", durability: .powerLoss, limits: limits) { spool in
                try await spool.appendNumbers(0..<200)
                _ = try #require(try await spool.freeze(maxRecords: 50, maxBytes: 1 << 20))
                if drops {
                    try await spool.appendNumbers(200..<210)
                } else {
                    let second = try #require(try await spool.freeze(maxRecords: 50, maxBytes: 1 << 20))
                    try await spool.acknowledge(second.batch)
                }
                return spool.summary
            }
            try await withSpool(at: directory + "/s", durability: .powerLoss, limits: limits) { spool in
                #expect(spool.loss == nil)
                #expect(spool.summary == summary)
            }
        }
    }

    @Test func `nothing is dropped for what is refused all the same`() async throws {
        try await withTemporaryDirectory { directory in
            let limits = SpoolLimits(maxBytes: 1 << 20, maxRecords: 50, whenFull: .dropOldest)
            try await withSpool(at: directory + "/s", limits: limits) { spool in
                try await spool.appendNumbers(0..<50)
                let tooMany = await #expect(throws: SpoolError.self) { try await spool.appendNumbers(50..<101) }
                #expect(tooMany?.message.contains("51 records") == true)
                #expect(tooMany?.message.contains("ever hold") == true)
                _ = await #expect(throws: SpoolError.self) {
                    try await spool.append([UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20))
                }
                // It would fit by itself, and not beside the dead letters, which stay.
                let batch = try #require(try await spool.freeze(maxRecords: 10, maxBytes: 1 << 20)).batch
                try await spool.acknowledge(batch)
                let big = [UInt8](repeating: UInt8(ascii: "a"), count: 600_000)
                try await spool.append(big)
                let rest = try #require(try await spool.freeze(maxRecords: 100, maxBytes: 1 << 20)).batch
                try await spool.deadLetter(rest, code: nil, message: "")
                try await spool.appendNumbers(101..<120)
                _ = await #expect(throws: SpoolError.self) { try await spool.append(big) }
                #expect(spool.summary.pending == 19)
                #expect(spool.summary.dropped == 0)
                #expect(try await spool.next()?.lines.count == 19)
            }
        }
    }

    @Test func `one commit takes what fits and refuses the rest`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s", limits: SpoolLimits(maxRecords: 50)) { spool in
                let stored = await withTaskGroup(of: Bool.self) { group in
                    for number in 0..<80 {
                        group.addTask { (try? await spool.append(payload(number))) != nil }
                    }
                    return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(stored == 50)
                #expect(spool.summary.pending == 50)
                let lines = try #require(try await spool.next(100)).lines
                #expect(Set(lines).count == 50)
            }
        }
    }

    @Test func `the oldest make room, those in a batch never`() async throws {
        try await withTemporaryDirectory { directory in
            let events = EventRecorder()
            let limits = SpoolLimits(maxRecords: 10, whenFull: .dropOldest)
            try await withSpool(at: directory + "/s", limits: limits, onEvent: events.record) { spool in
                try await spool.appendNumbers(0..<8)
                let inFlight = try #require(try await spool.next(3))
                try await spool.appendNumbers(8..<14)
                #expect(spool.summary.dropped == 4)
                #expect(spool.summary.undelivered == 10)
                let body = try await spool.body(of: inFlight.batch)
                #expect(body == inFlight.body)
                try await spool.acknowledge(inFlight.batch)
                let rest = try #require(try await spool.next())
                #expect(rest.lines == (7..<14).map { "{\"n\":\($0)}" })
                // Nothing is left that may go.
                let error = await #expect(throws: SpoolError.self) { try await spool.appendNumbers(14..<18) }
                #expect(error?.code == .full)
            }
            #expect(events.dropped(.full) == 4)
            try await withSpool(at: directory + "/s") { #expect($0.summary.dropped == 4) }
        }
    }

    @Test func `bytes are counted in pages, and the oldest go until the new ones fit`() async throws {
        try await withTemporaryDirectory { directory in
            let limits = SpoolLimits(maxBytes: 1 << 20, whenFull: .dropOldest)
            try await withSpool(at: directory + "/s", limits: limits) { spool in
                let row = Array("{\"x\":\"\(String(repeating: "x", count: 1_000))\"}".utf8)
                for _ in 0..<40 { try await spool.append(contentsOf: Array(repeating: row, count: 100)) }
                #expect(spool.summary.dropped > 2_500)
                #expect(spool.summary.pending > 400)
                #expect(spool.summary.dropped + spool.summary.pending == 4_000)
                // The WAL comes on top of what was reckoned, until it is moved.
                #expect(spool.usage.bytesInUse - spool.usage.walBytes <= (1 << 20) + (64 << 10))
                let error = await #expect(throws: SpoolError.self) {
                    try await spool.append(contentsOf: Array(repeating: row, count: 2_000))
                }
                #expect(error?.code == .full)
            }
        }
    }

    @Test func `a freeze takes others when the oldest were dropped under it`() async throws {
        try await withTemporaryDirectory { directory in
            let limits = SpoolLimits(maxRecords: 20, whenFull: .dropOldest)
            try await withSpool(at: directory + "/s", limits: limits) { spool in
                try await spool.appendNumbers(0..<20)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { for round in 0..<200 { try await spool.append(payload(20 + round)) } }
                    group.addTask {
                        for _ in 0..<100 {
                            guard let frozen = try await spool.freeze(maxRecords: 5, maxBytes: 1 << 20) else { return }
                            let body = try await spool.body(of: frozen.batch)
                            #expect(body == frozen.body)
                            try await spool.acknowledge(frozen.batch)
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `what is too old goes, also when nothing comes`() async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let events = EventRecorder()
            let limits = SpoolLimits(maxAge: .seconds(60))
            try await withSpool(at: directory + "/s", limits: limits, clock: clock, onEvent: events.record) { spool in
                try await spool.appendNumbers(0..<5)
                let inFlight = try #require(try await spool.next(2)).batch
                clock.advance(by: .seconds(50))
                try await spool.appendNumbers(5..<7)
                #expect(spool.summary.dropped == 0)
                clock.advance(by: .seconds(11))
                await events.waitForDrop()
                #expect(spool.summary.dropped == 3)
                #expect(spool.batches == [inFlight])
                try await spool.acknowledge(inFlight)
                let rest = try #require(try await spool.next()).lines
                #expect(rest == ["{\"n\":5}", "{\"n\":6}"])
            }
            #expect(events.dropped(.age) == 3)
        }
    }
}

/// Keeps what a spool tells.
final class EventRecorder: Sendable {
    private struct State {
        var events: [SpoolEvent] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var record: @Sendable (SpoolEvent) -> Void {
        { event in
            let waiting = self.state.withLock { state in
                state.events.append(event)
                guard case .dropped = event else { return [CheckedContinuation<Void, Never>]() }
                defer { state.waiting = [] }
                return state.waiting
            }
            for task in waiting { task.resume() }
        }
    }

    var events: [SpoolEvent] { state.withLock(\.events) }

    /// Everything but the daily work.
    var troubles: [SpoolEvent] {
        events.filter { !["committed", "checkpointing", "checkpointed", "dropped"].contains($0.kind) }
    }

    var states: [SpoolHealth.State] {
        events.compactMap { event in if case .health(let health) = event { health.state } else { nil } }
    }

    /// Checkpoints that left a part of the WAL to later ones.
    var slices: Int {
        events.count { event in
            if case .checkpointed(let usage) = event { usage.walPages > 0 } else { false }
        }
    }

    func dropped(_ reason: SpoolEvent.DropReason) -> Int {
        events.reduce(0) { sum, event in
            if case .dropped(let records, reason) = event { sum + records } else { sum }
        }
    }

    func waitForDrop() async {
        await withCheckedContinuation { task in
            let hasDropped = state.withLock { state in
                let hasDropped = state.events.contains { $0.kind == "dropped" }
                if !hasDropped { state.waiting.append(task) }
                return hasDropped
            }
            if hasDropped { task.resume() }
        }
    }
}

extension SpoolEvent {
    /// The case's name.
    var kind: String { String("\(self)".prefix { $0.isLetter }) }
}
