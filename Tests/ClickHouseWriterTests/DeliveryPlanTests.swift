import ClickHouseHTTP
@testable import ClickHouseWriter
@testable import SQLiteSpool
import Testing

/// What the plan decides, without a spool or a server.
@Suite struct DeliveryPlanTests {
    private let now = WallInstant(milliseconds: 1_795_000_000_000)

    private func plan(inFlight: Int = 1, _ configure: (inout BatchWriterConfiguration) -> Void = { _ in })
        -> DeliveryPlan
    {
        var configuration = BatchWriterConfiguration(spoolPath: "s", urls: [], table: "t")
        configuration.maxInFlight = inFlight
        configure(&configuration)
        var plan = DeliveryPlan(configuration: configuration, recovered: [], jitter: { 0.5 }, now: now)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .preflight)
        plan.didPreflight()
        return plan
    }

    /// A plan for a file that had 40 records when it was opened, which another owner may have delivered.
    private func recoveredPlan(
        inFlight: Int = 1,
        recovered: [Batch] = [],
        copiedThrough: Int64 = 0
    ) -> DeliveryPlan {
        var configuration = BatchWriterConfiguration(spoolPath: "s", urls: [], table: "t")
        configuration.maxInFlight = inFlight
        return DeliveryPlan(
            configuration: configuration,
            recovered: recovered,
            recoveredThrough: 40,
            copiedThrough: copiedThrough,
            jitter: { 0.5 },
            now: now
        )
    }

    private func batch(_ ids: ClosedRange<Int64>) -> Batch {
        Batch(token: "\(ids)", ids: ids, records: ids.count, payloadBytes: ids.count, frozenAt: now)
    }

    private func freeze(_ ids: ClosedRange<Int64>, _ plan: inout DeliveryPlan) -> Batch {
        let new = batch(ids)
        plan.didFreeze(new)
        return new
    }

    @Test func `what an unknown owner may have delivered is asked for until a batch is wholly missing`() {
        var plan = recoveredPlan(recovered: [batch(1...10)])
        #expect(plan.mayBeElsewhere(batch(1...10)))
        // Some of it was found: the rest is not asked for again, and says nothing about what is behind it.
        plan.didReplace(batch(1...10), with: [batch(4...4)])
        #expect(!plan.mayBeElsewhere(batch(4...4)))
        plan.didSettle(batch(4...4))
        let second = freeze(11...20, &plan)
        let third = freeze(21...30, &plan)
        #expect(plan.mayBeElsewhere(second) && plan.mayBeElsewhere(third))
        plan.didFindNowhere(second)
        #expect(!plan.mayBeElsewhere(second) && !plan.mayBeElsewhere(third))
        #expect(!plan.mayBeElsewhere(freeze(31...40, &plan)))
    }

    @Test func `each batch that was in flight is asked for, whatever became of the others`() {
        let recovered = [1...10, 11...20].map(batch)
        var plan = recoveredPlan(recovered: recovered)
        let fresh = freeze(21...30, &plan)
        plan.didFindNowhere(recovered[0])
        #expect((recovered + [fresh]).map { plan.mayBeElsewhere($0) } == [false, true, true])
        plan.didFindNowhere(fresh)
        #expect((recovered + [fresh]).map { plan.mayBeElsewhere($0) } == [false, true, false])
    }

    @Test func `where several batches may be in flight, one that is missing says nothing about the next`() {
        var plan = recoveredPlan(inFlight: 2)
        let batches = [1...10, 11...20, 21...30].map { freeze($0, &plan) }
        plan.didFindNowhere(batches[0])
        #expect(batches.map { plan.mayBeElsewhere($0) } == [false, true, true])
        plan.didFindNowhere(batches[1])
        #expect(batches.map { plan.mayBeElsewhere($0) } == [false, false, false])
    }

    @Test func `what was in a file that was copied is asked for each time, and nothing that came later`() {
        var plan = recoveredPlan(copiedThrough: 25)
        let first = freeze(1...20, &plan)
        let second = freeze(21...30, &plan)
        plan.didFindNowhere(first)
        #expect(plan.mayBeElsewhere(first) && plan.mayBeElsewhere(second))
        plan.didReplace(second, with: [batch(21...23), batch(26...30)])
        #expect(plan.mayBeElsewhere(batch(21...23)))
        #expect(!plan.mayBeElsewhere(batch(26...30)))
        #expect(!plan.mayBeElsewhere(freeze(31...40, &plan)))
    }

    /// The token of the batch that is sent next.
    private func sent(_ plan: inout DeliveryPlan, _ now: WallInstant) -> String? {
        guard case .send(let batch) = plan.next(now: now, fresh: .wait(nil)) else { return nil }
        return batch.token
    }

    private func fail(
        _ plan: inout DeliveryPlan,
        _ batch: Batch,
        _ kind: InsertFailure.Kind,
        code: Int? = nil,
        canAsk: Bool = true
    ) -> DeliveryPlan.Verdict {
        let result = plan.didFail(
            batch,
            InsertFailure(kind: kind, code: code, message: "no"),
            canAsk: canAsk,
            isAtLeastOnce: false,
            now: now
        )
        if case .keep = result.verdict { plan.didKeep(batch) }
        return result.verdict
    }

    @Test func `several are sent at once while all is well, one while it is not`() {
        var plan = plan(inFlight: 2)
        let batches = [batch(1...10), batch(11...20)]
        for batch in batches {
            #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
            plan.didFreeze(batch)
        }
        #expect(plan.next(now: now, fresh: .sendNow) == .wait(nil, isBlocked: false))
        #expect(fail(&plan, batches[1], .transient) == .keep(.milliseconds(250)))
        #expect(fail(&plan, batches[0], .outcomeUnknown) == .keep(.milliseconds(500)))
        #expect(plan.next(now: now, fresh: .sendNow) == .wait(.milliseconds(500), isBlocked: true))
        let later = now.advanced(by: .milliseconds(500))
        #expect(sent(&plan, later) == batches[0].token)
        #expect(plan.next(now: later, fresh: .sendNow) == .wait(nil, isBlocked: false))
        plan.deliver(batches[0])
        #expect(sent(&plan, later) == batches[1].token)
        #expect(plan.next(now: later, fresh: .sendNow) == .freeze)
    }

    @Test func `the next one is read ahead, and sent as soon as ClickHouse has taken the one before`() {
        var plan = plan()
        let batches = [batch(1...10), batch(11...20), batch(21...30)]
        #expect(plan.next(now: now, fresh: .sendNow, preparesAhead: true) == .freeze)
        plan.didFreeze(batches[0])
        #expect(plan.next(now: now, fresh: .sendNow) == .wait(nil, isBlocked: false), "small ones are not worth it")
        #expect(plan.next(now: now, fresh: .wait(nil), preparesAhead: true) == .wait(nil, isBlocked: false))
        #expect(plan.next(now: now, fresh: .sendNow, preparesAhead: true) == .prepare)
        plan.didPrepare(batches[1])
        #expect(plan.next(now: now, fresh: .sendNow, preparesAhead: true) == .wait(nil, isBlocked: false))
        plan.didAccept(batches[0])
        #expect(sent(&plan, now) == batches[1].token)
        // A spool that is slower than ClickHouse is waited for.
        plan.didAccept(batches[1])
        #expect(plan.next(now: now, fresh: .wait(nil)) == .wait(nil, isBlocked: false))
        plan.didDeliver(batches[0])
        #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
        plan.didFreeze(batches[2])
        _ = fail(&plan, batches[2], .transient)
        #expect(plan.isSending, "the second is not let go yet")
    }

    @Test func `a record alone is given up only when another, sent after its refusal, was accepted`() {
        var plan = plan(inFlight: 2)
        let (good, bad, later) = (batch(1...1), batch(2...2), batch(3...3))
        plan.didFreeze(good)
        plan.didFreeze(bad)
        #expect(fail(&plan, bad, .data) == .keep(.milliseconds(250)))
        // It was sent before the refusal: the table may have been changed in between.
        plan.deliver(good)
        #expect(plan.state == .poisoned)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .wait(.milliseconds(250), isBlocked: true))
        #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
        plan.didFreeze(later)
        plan.deliver(later)
        #expect(sent(&plan, now) == bad.token, "there is proof, so it need not wait")
        #expect(fail(&plan, bad, .data) == .deadLetter)
        plan.didRemove(bad)
        #expect(plan.state == .fine)
    }

    @Test func `what another owner has delivered shows nothing of the table as it is now`() {
        var plan = recoveredPlan()
        _ = plan.next(now: now, fresh: .wait(nil))
        plan.didPreflight()
        let bad = freeze(1...1, &plan)
        #expect(fail(&plan, bad, .data) == .keep(.milliseconds(250)))
        let found = freeze(2...10, &plan)
        plan.didFind(found)
        plan.hurry()
        #expect(sent(&plan, now) == bad.token)
        #expect(fail(&plan, bad, .data) != .deadLetter)
    }

    @Test func `rows that are found after a send without an answer show that the table is fine`() {
        var plan = plan(inFlight: 2)
        let bad = freeze(1...1, &plan)
        #expect(fail(&plan, bad, .data) == .keep(.milliseconds(250)))
        let found = freeze(2...10, &plan)
        _ = fail(&plan, found, .outcomeUnknown)
        plan.didFind(found)
        plan.hurry()
        #expect(sent(&plan, now) == bad.token)
        #expect(fail(&plan, bad, .data) == .deadLetter)
    }

    @Test func `a batch too large for the memory is cut when it is larger than usual`() {
        var plan = plan { $0.maxBatchSize = 10 }
        let (usual, large) = (batch(1...10), batch(11...40))
        plan.didFreeze(usual)
        #expect(fail(&plan, usual, .transient, code: 241) == .keep(.milliseconds(250)))
        plan.didRemove(usual)
        plan.didFreeze(large)
        #expect(fail(&plan, large, .transient, code: 241) == .split)
        plan.didReplace(large, with: [batch(11...25), batch(26...40)])
        // It may be stored, and nobody can be asked: cutting would store it twice.
        #expect(fail(&plan, batch(11...25), .transient, code: 241, canAsk: false) != .split)
        #expect(fail(&plan, batch(26...40), .destination, code: 241) != .split, "a view's memory")
    }

    @Test func `a hold asks the server again before anything is sent`() {
        var plan = plan()
        plan.didFreeze(batch(1...10))
        #expect(fail(&plan, batch(1...10), .destination, code: 60) == .keep(.milliseconds(250)))
        #expect(plan.state == .held)
        let later = now.advanced(by: .seconds(1))
        #expect(plan.next(now: later, fresh: .wait(nil)) == .preflight)
        plan.didPreflight()
        #expect(plan.state == .held, "only an acceptance shows that the table takes batches again")
        #expect(sent(&plan, later) == batch(1...10).token)
    }

    /// A send that may have stored the batch again. Returns what is told of it.
    private func doubt(_ plan: inout DeliveryPlan, _ batch: Batch, _ now: WallInstant) -> InsertFailure {
        let failure = InsertFailure(kind: .outcomeUnknown, status: 200, message: "the response is to another query")
        let result = plan.didFail(batch, failure, canAsk: false, isAtLeastOnce: true, now: now)
        plan.didKeep(batch)
        return result.failure
    }

    @Test func `what each send may store again is sent a few times a day, also when the program flushes every second`()
    {
        var plan = plan()
        var sends = 1
        plan.didFreeze(batch(1...50))
        var told = doubt(&plan, batch(1...50), now)
        for second in 1...86_400 {
            let later = now.advanced(by: .seconds(second))
            plan.hurry()
            guard sent(&plan, later) != nil else { continue }
            sends += 1
            told = doubt(&plan, batch(1...50), later)
        }
        #expect(sends == 5 + 6 + 22)
        #expect(plan.state == .held)
        #expect(
            told.withoutQuotes.hasPrefix(
                "outcome unknown after 33 sends without an answer, and each may have stored the records again: check"
            )
        )
    }

    @Test func `where no answer comes back for one batch, the others are delivered`() {
        var plan = plan()
        let doubtful = batch(1...10)
        plan.didFreeze(doubtful)
        var later = now
        for _ in 1..<5 {
            _ = doubt(&plan, doubtful, later)
            #expect(plan.state == .backingOff)
            later = later.advanced(by: .seconds(60))
            #expect(sent(&plan, later) == doubtful.token)
        }
        _ = doubt(&plan, doubtful, later)
        #expect(plan.state == .held)
        later = later.advanced(by: .seconds(60))
        #expect(plan.next(now: later, fresh: .sendNow) == .freeze, "what was not tried yet is likelier to be accepted")
        plan.didFreeze(batch(11...20))
        plan.deliver(batch(11...20))
        #expect(sent(&plan, later) == doubtful.token)
        #expect(doubt(&plan, doubtful, later).sendsInDoubt == 6)
        #expect(plan.state == .backingOff)
        #expect(plan.next(now: later, fresh: .sendNow) == .freeze)
        #expect(sent(&plan, later.advanced(by: .seconds(119))) == nil)
    }

    @Test func `a clock that is set back does not prolong a wait`() {
        var plan = plan()
        plan.didFreeze(batch(1...10))
        _ = fail(&plan, batch(1...10), .transient)
        let earlier = now.advanced(by: .seconds(-3_600))
        #expect(sent(&plan, earlier) == batch(1...10).token)
    }

    @Test func `any number of records that wait keeps no good one back`() {
        var plan = plan()
        for id in 1...2_000 {
            plan.didFreeze(batch(Int64(id)...Int64(id)))
            _ = fail(&plan, batch(Int64(id)...Int64(id)), .data)
        }
        var later = now
        while case .wait(let delay?, _) = plan.next(now: later, fresh: .sendNow) { later = later.advanced(by: delay) }
        #expect(plan.next(now: later, fresh: .sendNow) == .freeze)
    }

    @Test func `a batch that waits for its own server does not stop the others`() {
        var plan = plan()
        let first = batch(1...10)
        plan.didFreeze(first)
        let failure = InsertFailure(kind: .transient, message: "its server is away", concernsBatchAlone: true)
        _ = plan.didFail(first, failure, canAsk: false, isAtLeastOnce: false, now: now)
        plan.didKeep(first)
        #expect(plan.state == .backingOff)
        #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
        plan.didFreeze(batch(11...20))
        plan.deliver(batch(11...20))
        #expect(sent(&plan, now.advanced(by: .seconds(1))) == first.token)
        plan.deliver(first)
        #expect(plan.state == .fine)
    }

    @Test func `what is being sent is waited for before a flush is given up`() {
        var plan = plan(inFlight: 2)
        plan.didFreeze(batch(1...1))
        plan.didFreeze(batch(2...2))
        _ = fail(&plan, batch(1...1), .data)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .wait(.milliseconds(250), isBlocked: false))
    }

    @Test func `an answer about a batch shows that the server is there`() {
        var plan = plan()
        plan.didFreeze(batch(1...10))
        _ = fail(&plan, batch(1...10), .outcomeUnknown)
        #expect(plan.state == .backingOff)
        plan.didRemove(batch(1...10))
        #expect(plan.state == .fine)
    }

    @Test func `flush hurries what was put off`() {
        var plan = plan()
        plan.didFreeze(batch(1...10))
        _ = fail(&plan, batch(1...10), .transient)
        plan.hurry()
        #expect(sent(&plan, now) == batch(1...10).token)
    }

    @Test func `batches that the spool has in the place of others are sent, and what is on its way ends`() {
        var plan = self.plan(inFlight: 2)
        let first = freeze(1...10, &plan)
        let second = freeze(11...20, &plan)
        plan.didKeep(first)
        var rest = first
        rest.records = 9
        // The second one is on its way. It is gone from the spool, and others have its place.
        plan.didChange(to: [rest, batch(11...15), batch(16...20)], now: now)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .send(rest))
        #expect(!plan.isDoubtful(rest))
        #expect(plan.isDoubtful(batch(11...15)) && plan.mayBeElsewhere(batch(16...20)))
        plan.didAccept(second)
        plan.didDeliver(second)
        plan.didChange(to: [batch(16...20)], now: now)
        #expect(plan.entries.map(\.batch.token) == [rest.token, "16...20"])
        // Frozen while the plan was made anew.
        plan.didFreeze(batch(16...20))
        #expect(plan.entries.count == 2)
    }
}

extension DeliveryPlan {
    fileprivate func isDoubtful(_ batch: Batch) -> Bool { entry(of: batch)?.isDoubtful ?? false }

    fileprivate func mayBeElsewhere(_ batch: Batch) -> Bool { entry(of: batch)?.mayBeElsewhere ?? false }

    fileprivate mutating func deliver(_ batch: Batch) {
        didAccept(batch)
        didDeliver(batch)
    }
}
