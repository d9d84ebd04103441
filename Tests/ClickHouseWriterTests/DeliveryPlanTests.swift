@testable import ClickHouseHTTP
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
        var plan = DeliveryPlan(
            configuration: configuration,
            hasIdentity: true,
            recovered: [],
            jitter: { 0.5 },
            now: now
        )
        look(&plan)
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
            hasIdentity: true,
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

    private func look(_ plan: inout DeliveryPlan, _ time: WallInstant? = nil) {
        #expect(plan.next(now: time ?? now, fresh: .wait(nil)) == .look)
        plan.handle(.looked(nil), now: time ?? now)
    }

    private func freeze(_ ids: ClosedRange<Int64>, _ plan: inout DeliveryPlan) -> Batch {
        let new = batch(ids)
        plan.handle(.frozen(new), now: now)
        return new
    }

    @Test func `what an unknown owner may have delivered is asked for until a batch is wholly missing`() {
        var plan = recoveredPlan(recovered: [batch(1...10)])
        #expect(plan.mayBeElsewhere(batch(1...10)))
        // Some of it was found: the rest is not asked for again, and says nothing about what is behind it.
        plan.replace(batch(1...10), with: [batch(4...4)], now)
        #expect(!plan.mayBeElsewhere(batch(4...4)))
        plan.miss(batch(4...4), now)
        let second = freeze(11...20, &plan)
        let third = freeze(21...30, &plan)
        #expect(plan.mayBeElsewhere(second) && plan.mayBeElsewhere(third))
        plan.miss(second, now)
        #expect(!plan.mayBeElsewhere(second) && !plan.mayBeElsewhere(third))
        #expect(!plan.mayBeElsewhere(freeze(31...40, &plan)))
    }

    @Test func `each batch that was in flight is asked for, whatever became of the others`() {
        let recovered = [1...10, 11...20].map(batch)
        var plan = recoveredPlan(recovered: recovered)
        let fresh = freeze(21...30, &plan)
        plan.miss(recovered[0], now)
        #expect((recovered + [fresh]).map { plan.mayBeElsewhere($0) } == [false, true, true])
        plan.miss(fresh, now)
        #expect((recovered + [fresh]).map { plan.mayBeElsewhere($0) } == [false, true, false])
    }

    @Test func `where several batches may be in flight, one that is missing says nothing about the next`() {
        var plan = recoveredPlan(inFlight: 2)
        let batches = [1...10, 11...20, 21...30].map { freeze($0, &plan) }
        plan.miss(batches[0], now)
        #expect(batches.map { plan.mayBeElsewhere($0) } == [false, true, true])
        plan.miss(batches[1], now)
        #expect(batches.map { plan.mayBeElsewhere($0) } == [false, false, false])
    }

    @Test func `what was in a file that was copied is asked for each time, and nothing that came later`() {
        var plan = recoveredPlan(copiedThrough: 25)
        let first = freeze(1...20, &plan)
        let second = freeze(21...30, &plan)
        plan.miss(first, now)
        #expect(plan.mayBeElsewhere(first) && plan.mayBeElsewhere(second))
        plan.replace(second, with: [batch(21...23), batch(26...30)], now)
        #expect(plan.mayBeElsewhere(batch(21...23)))
        #expect(!plan.mayBeElsewhere(batch(26...30)))
        #expect(!plan.mayBeElsewhere(freeze(31...40, &plan)))
    }

    /// The token of the batch that is sent next.
    private func sent(_ plan: inout DeliveryPlan, _ now: WallInstant) -> String? {
        guard case .send(let batch) = plan.next(now: now, fresh: .wait(nil)) else { return nil }
        return batch.token
    }

    private enum Verdict: Equatable {
        case keep(Duration), cut, setAside
    }

    private func fail(
        _ plan: inout DeliveryPlan,
        _ batch: Batch,
        _ kind: InsertFailure.Kind,
        code: Int? = nil,
        canAsk: Bool = true
    ) -> Verdict? {
        let failure = InsertFailure(kind: kind, code: code, message: "no")
        return fail(&plan, batch, failure, canAsk ? .askable : .unaskable, now).verdict
    }

    /// What follows from a send that fails, the table having nothing of the batch; and what is told of it.
    private func fail(
        _ plan: inout DeliveryPlan,
        _ batch: Batch,
        _ failure: InsertFailure,
        _ destination: DestinationProfile,
        _ now: WallInstant
    ) -> (verdict: Verdict?, told: InsertFailure?) {
        plan.send(batch, now)
        func handle(_ event: DeliveryPlan.BatchEvent) -> DeliveryPlan.Effect {
            plan.handle(event, of: batch, destination: destination, now: now)
        }
        var effect = handle(.sent(.failed(failure)))
        if case .ask = effect { effect = handle(.answered(.nothing)) }
        switch effect {
        case .record(let told, let retry):
            _ = handle(.committed)
            return (.keep(retry.delay), told)
        case .replace(.pieces(let told)):
            return (.cut, told)
        case .setAside(let told):
            return (.setAside, told)
        default:
            return (nil, nil)
        }
    }

    @Test func `several are sent at once while all is well, one while it is not`() {
        var plan = plan(inFlight: 2)
        let batches = [batch(1...10), batch(11...20)]
        for batch in batches {
            #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
            plan.handle(.frozen(batch), now: now)
        }
        #expect(plan.next(now: now, fresh: .sendNow) == .wait(nil, isBlocked: false))
        #expect(fail(&plan, batches[1], .transient) == .keep(.milliseconds(250)))
        #expect(fail(&plan, batches[0], .outcomeUnknown) == .keep(.milliseconds(500)))
        #expect(plan.next(now: now, fresh: .sendNow) == .wait(.milliseconds(500), isBlocked: true))
        let later = now.advanced(by: .milliseconds(500))
        #expect(sent(&plan, later) == batches[0].token)
        #expect(plan.next(now: later, fresh: .sendNow) == .wait(nil, isBlocked: false))
        plan.deliver(batches[0], now)
        #expect(sent(&plan, later) == batches[1].token)
        #expect(plan.next(now: later, fresh: .sendNow) == .freeze)
    }

    @Test func `the next one is read ahead, and sent as soon as ClickHouse has taken the one before`() {
        var plan = plan()
        let batches = [batch(1...10), batch(11...20), batch(21...30)]
        #expect(plan.next(now: now, fresh: .sendNow, preparesAhead: true) == .freeze)
        plan.handle(.frozen(batches[0]), now: now)
        #expect(plan.next(now: now, fresh: .sendNow) == .wait(nil, isBlocked: false), "small ones are not worth it")
        #expect(plan.next(now: now, fresh: .wait(nil), preparesAhead: true) == .wait(nil, isBlocked: false))
        #expect(plan.next(now: now, fresh: .sendNow, preparesAhead: true) == .prepare)
        plan.handle(.prepared(batches[1]), now: now)
        #expect(plan.next(now: now, fresh: .sendNow, preparesAhead: true) == .wait(nil, isBlocked: false))
        plan.accept(batches[0], now)
        #expect(sent(&plan, now) == batches[1].token)
        // A spool that is slower than ClickHouse is waited for.
        plan.accept(batches[1], now)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .wait(nil, isBlocked: false))
        plan.finish(batches[0], now)
        #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
        plan.handle(.frozen(batches[2]), now: now)
        _ = fail(&plan, batches[2], .transient)
        #expect(plan.isSending, "the second is not let go yet")
    }

    @Test func `a record alone is given up only when another, sent after its refusal, was accepted`() {
        var plan = plan(inFlight: 2)
        let (good, bad, later) = (batch(1...1), batch(2...2), batch(3...3))
        plan.handle(.frozen(good), now: now)
        plan.handle(.frozen(bad), now: now)
        #expect(fail(&plan, bad, .data) == .keep(.milliseconds(250)))
        // It was sent before the refusal: the table may have been changed in between.
        plan.deliver(good, now)
        #expect(plan.state == .poisoned)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .wait(.milliseconds(250), isBlocked: true))
        #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
        plan.handle(.frozen(later), now: now)
        plan.deliver(later, now)
        #expect(sent(&plan, now) == bad.token, "there is proof, so it need not wait")
        #expect(fail(&plan, bad, .data) == .setAside)
        plan.finish(bad, now)
        #expect(plan.state == .fine)
    }

    @Test func `what another owner has delivered shows nothing of the table as it is now`() {
        var plan = recoveredPlan(inFlight: 3)
        look(&plan)
        let bad = freeze(1...1, &plan)
        #expect(fail(&plan, bad, .data) == .keep(.milliseconds(250)))
        let found = freeze(2...10, &plan)
        plan.find(found, now)
        plan.handle(.hurried, now: now)
        #expect(sent(&plan, now) == bad.token)
        #expect(fail(&plan, bad, .data) != .setAside)
    }

    @Test func `rows that are found after a send without an answer show that the table is fine`() {
        var plan = plan(inFlight: 2)
        let bad = freeze(1...1, &plan)
        #expect(fail(&plan, bad, .data) == .keep(.milliseconds(250)))
        let found = freeze(2...10, &plan)
        _ = fail(&plan, found, .outcomeUnknown)
        plan.find(found, now)
        plan.handle(.hurried, now: now)
        #expect(sent(&plan, now) == bad.token)
        #expect(fail(&plan, bad, .data) == .setAside)
    }

    @Test func `a batch too large for the memory is cut when it is larger than usual`() {
        var plan = plan { $0.maxBatchSize = 10 }
        let (usual, large) = (batch(1...10), batch(11...40))
        plan.handle(.frozen(usual), now: now)
        #expect(fail(&plan, usual, .transient, code: 241) == .keep(.milliseconds(250)))
        plan.find(usual, now)
        plan.handle(.frozen(large), now: now)
        #expect(fail(&plan, large, .transient, code: 241) == .cut)
        plan.replace(large, with: [batch(11...25), batch(26...40)], now)
        // It may be stored, and nobody can be asked: cutting would store it twice.
        #expect(fail(&plan, batch(11...25), .transient, code: 241, canAsk: false) != .cut)
        #expect(fail(&plan, batch(26...40), .destination, code: 241) != .cut, "a view's memory")
    }

    @Test func `a batch that fails in the same way again and again, as too large ones do, is cut`() {
        for failure in [
            InsertFailure(kind: .transient, code: 241, message: "memory"),
            InsertFailure(kind: .transient, code: 159, message: "time"),
            InsertFailure(
                kind: .outcomeUnknown,
                message: "no complete response within 30 s",
                transport: TransportFailure(message: "no complete response within 30 s", isBeforeSending: false)
            ),
        ] {
            var plan = plan { $0.maxBatchSize = 100 }
            let large = freeze(1...100, &plan)
            #expect(plan.sizing.maxRecords(pending: 1) == 100)
            for _ in 1..<3 {
                #expect(fail(&plan, large, failure, .askable, now).verdict != .cut)
            }
            #expect(fail(&plan, large, failure, .askable, now).verdict == .cut)
            #expect(plan.sizing.maxRecords(pending: 1) == 50)
            // Nobody can be asked whether it is stored.
            let other = freeze(101...200, &plan)
            for _ in 0..<9 { #expect(fail(&plan, other, failure, .unaskable, now).verdict != .cut) }
        }
    }

    @Test func `rows with a field that the table lacks are cut out where a look finds all columns, and wait alone`() {
        var plan = plan()
        let failure = InsertFailure(kind: .destination, code: 117, message: "Unknown field found")
        let mixed = freeze(1...4, &plan)
        #expect(fail(&plan, mixed, failure, .askable, now).verdict == .keep(.milliseconds(250)))
        #expect(fail(&plan, mixed, failure, .askable, now).verdict == .keep(.milliseconds(500)))
        #expect(fail(&plan, mixed, failure, .askable, now).verdict == .cut)
        let (good, old, other) = (batch(1...2), batch(3...3), batch(4...4))
        plan.replace(mixed, with: [good, old, other], now)
        look(&plan)
        plan.deliver(good, now)
        for batch in [old, other] {
            #expect(fail(&plan, batch, failure, .askable, now).verdict == .keep(.milliseconds(250)))
        }
        #expect(fail(&plan, old, failure, .askable, now).verdict == .keep(.milliseconds(500)), "again, without a look")
        // However much is accepted, they are no dead letters.
        plan.deliver(freeze(5...9, &plan), now)
        #expect(plan.state == .poisoned)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .wait(.milliseconds(500), isBlocked: true))
        let later = now.advanced(by: .milliseconds(500))
        #expect(sent(&plan, later) == other.token)
        #expect(sent(&plan, later) == nil, "one at a time")
        plan.deliver(other, later)
        #expect(sent(&plan, later) == old.token, "at once, now that the column is back")
    }

    @Test func `a look that finds no column holds, and a batch is not cut for it`() {
        var plan = plan()
        let failure = InsertFailure(kind: .destination, code: 117, message: "Unknown field found")
        let all = freeze(1...4, &plan)
        var later = now
        for _ in 0..<9 {
            #expect(fail(&plan, all, failure, .askable, later).verdict != .cut)
            later = later.advanced(by: .seconds(60))
            #expect(plan.next(now: later, fresh: .wait(nil)) == .look)
            plan.handle(.looked(InsertFailure(kind: .destination, code: 16, message: "no column")), now: later)
            later = later.advanced(by: .seconds(60))
            look(&plan, later)
        }
        #expect(plan.state == .fine)
    }

    @Test func `a view that throws for a value holds up its batch alone, and one that throws for all holds all`() {
        var plan = plan()
        let failure = InsertFailure(kind: .destination, code: 395, message: "throw", isOfView: true)
        for first in 0..<Int64(DeliveryPlan.freeRefusals) {
            let batch = freeze(first * 10 + 1...first * 10 + 10, &plan)
            #expect(fail(&plan, batch, failure, .unaskable, now).verdict == .keep(.milliseconds(250)))
            #expect(plan.state == .poisoned)
            #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
        }
        #expect(fail(&plan, freeze(1_001...1_010, &plan), failure, .unaskable, now).verdict != nil)
        #expect(plan.state == .held)
        guard case .wait(_?, isBlocked: true) = plan.next(now: now, fresh: .sendNow) else {
            Issue.record("another one is sent")
            return
        }
    }

    @Test func `a batch that fails for a reason of its own holds up no other, whatever the reason`() {
        var plan = plan()
        let stuck = freeze(1...10, &plan)
        let failure = InsertFailure(kind: .destination, code: 999_999, message: "of a newer server")
        var time = now
        for _ in 1...4 {
            #expect(plan.next(now: time, fresh: .wait(nil)) != .send(stuck), "not before its wait is over")
            #expect(fail(&plan, stuck, failure, .askable, time).verdict != nil)
            time = time.advanced(by: .seconds(60))
            look(&plan, time)
        }
        // Younger ones are tried, too: a new one, since none is there.
        #expect(plan.next(now: time, fresh: .sendNow) == .freeze)
        plan.deliver(freeze(11...20, &plan), time)
        #expect(sent(&plan, time) == stuck.token)
        let verdict = fail(&plan, plan[stuck].batch, failure, .askable, time).verdict
        #expect(verdict == .keep(.milliseconds(250)), "while others are accepted")
        #expect(!plan.isOut && plan.state == .poisoned)
        #expect(plan.next(now: time, fresh: .sendNow) == .freeze)
    }

    @Test func `while everything is refused one batch is sent in each pause, and the others stay whole`() {
        var plan = plan()
        let batches = (0..<40).map { freeze($0 * 100 + 1...$0 * 100 + 100, &plan) }
        for batch in batches { plan.give(batch, now) }
        var (later, sends, next) = (now, 0, Int64(10_000))
        while later < now.advanced(by: .seconds(600)) {
            switch plan.next(now: later, fresh: .wait(nil)) {
            case .send(let batch):
                sends += 1
                let failure = InsertFailure(kind: .data, code: 27, message: "no")
                guard fail(&plan, batch, failure, .unaskable, later).verdict == .cut else { continue }
                let half = Int64(batch.records / 2)
                next += 1_000
                let pieces = [next...next + half - 1, next + half...next + Int64(batch.records) - 1].map(self.batch)
                plan.replace(batch, with: pieces, later)
            case .wait(let delay?, _): later = later.advanced(by: delay)
            default: Issue.record("neither sent nor waited"); return
            }
        }
        #expect(plan.state == .held)
        // Twenty that are free, ten while the pauses grow, and one in each of half a minute.
        #expect(sends < 80, "\(sends)")
        #expect(plan.entries.count { $0.batch.records == 100 } > 5)
    }

    @Test func `a server that is away is looked at every two seconds, without rows`() {
        var plan = plan()
        let first = freeze(1...10, &plan)
        let away = InsertFailure(
            kind: .transient,
            message: "refused",
            mayHaveBeenStored: false,
            transport: TransportFailure(message: "refused", isBeforeSending: true)
        )
        _ = fail(&plan, first, away, .askable, now)
        var (later, looks) = (now, 0)
        while later < now.advanced(by: .seconds(600)) {
            switch plan.next(now: later, fresh: .sendNow) {
            case .look:
                looks += 1
                plan.handle(.looked(away), now: later)
            case .wait(let delay?, _):
                #expect(delay <= .seconds(2))
                later = later.advanced(by: delay)
            case let step: Issue.record("\(step)"); return
            }
        }
        #expect(300...320 ~= looks, "\(looks)")
        #expect(plan.state == .backingOff)
        while case .wait(let delay?, _) = plan.next(now: later, fresh: .sendNow) { later = later.advanced(by: delay) }
        plan.handle(.looked(nil), now: later)
        #expect(sent(&plan, later) == first.token)
    }

    @Test func `records that are refused leave a spool that they fill`() {
        var plan = plan()
        let suspects = (1...3).map { freeze($0...$0, &plan) }
        for suspect in suspects { #expect(fail(&plan, suspect, .data) != .setAside) }
        // Something is left that was not tried.
        let step = plan.next(now: now, fresh: .wait(.seconds(1)), isFull: true)
        #expect(step == .wait(.milliseconds(250), isBlocked: true))
        let later = now.advanced(by: .milliseconds(250))
        for suspect in suspects {
            #expect(plan.next(now: later, fresh: .wait(nil), isFull: true) == .send(plan[suspect].batch))
            #expect(plan.next(now: later, fresh: .wait(nil), isFull: true) == .wait(nil, isBlocked: false))
            plan.setAside(suspect, later)
        }
        #expect(plan.entries.isEmpty && plan.state == .fine)
    }

    @Test func `a record that leaves a full spool waits like any other while the table cannot be asked`() {
        var plan = plan()
        let suspect = freeze(1...1, &plan)
        _ = fail(&plan, suspect, .data)
        let later = now.advanced(by: .milliseconds(250))
        #expect(plan.next(now: later, fresh: .wait(nil), isFull: true) == .send(plan[suspect].batch))
        let away = InsertFailure(kind: .transient, message: "away")
        for event in [DeliveryPlan.BatchEvent.begun, .answered(.failed(away)), .committed] {
            _ = plan.handle(event, of: suspect, destination: .askable, now: later)
        }
        guard case .wait(_?, _) = plan.next(now: later, fresh: .wait(nil), isFull: true) else {
            Issue.record("it is asked for again at once")
            return
        }
    }

    @Test func `a record with evidence waits while the table does not answer its question, and others go on`() {
        var plan = plan()
        let bad = freeze(1...1, &plan)
        _ = fail(&plan, bad, .data)
        plan.deliver(freeze(2...2, &plan), now)
        #expect(plan.next(now: now, fresh: .sendNow) == .send(plan[bad].batch))
        var lagging = InsertFailure(kind: .transient, message: "the replica lags", concernsBatchAlone: true)
        lagging.retryAfter = .seconds(1)
        for event in [DeliveryPlan.BatchEvent.begun, .answered(.failed(lagging)), .committed] {
            _ = plan.handle(event, of: bad, destination: .askable, now: now)
        }
        #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
    }

    @Test func `those that wait alone and new batches go in turn, and a flush of the former fails meanwhile`() {
        var plan = plan()
        let failure = InsertFailure(kind: .destination, code: 117, message: "Unknown field found")
        let alone = (1...100).map { freeze($0...$0, &plan) }
        for batch in alone { _ = fail(&plan, batch, failure, .askable, now) }
        // Two failures were an outage.
        for batch in alone.prefix(2) { plan.deliver(batch, now) }
        plan.deliver(freeze(101...101, &plan), now)
        #expect(plan.isStuck(through: 100, now))
        var time = now.advanced(by: .seconds(60))
        var kinds = ""
        while kinds.count < 6 {
            switch plan.next(now: time, fresh: .sendNow) {
            case .send(let batch):
                kinds += "a"
                _ = fail(&plan, batch, failure, .askable, time)
            case .freeze:
                kinds += "f"
                plan.deliver(freeze(Int64(200 + kinds.count)...Int64(200 + kinds.count), &plan), time)
            case .look: plan.handle(.looked(nil), now: time)
            case .wait(let delay?, _): time = time.advanced(by: delay)
            case let step: Issue.record("\(step)"); return
            }
        }
        #expect(kinds.contains("a") && !kinds.contains("aa"), "\(kinds)")
    }

    @Test func `while everything is refused one batch is on its way, however many may be`() {
        var plan = plan(inFlight: 8)
        for number in 0...Int64(DeliveryPlan.freeRefusals) {
            _ = fail(&plan, freeze(number + 1...number + 1, &plan), .data)
        }
        #expect(plan.refusesEverything)
        let later = now.advanced(by: .seconds(60))
        #expect(sent(&plan, later) != nil)
        #expect(sent(&plan, later) == nil)
    }

    @Test func `one look serves what is in doubt until something fails`() {
        var plan = recoveredPlan(inFlight: 2, recovered: [1...10, 11...20, 21...30].map(batch))
        look(&plan)
        func begin(_ ids: ClosedRange<Int64>) -> DeliveryPlan.Effect {
            let batch = plan[batch(ids)].batch
            if plan[batch].stage == .waiting { plan.handle(.frozen(batch), now: now) }
            return plan.handle(.begun, of: batch, destination: .askable, now: now)
        }
        guard case .ask = begin(1...10) else { Issue.record("it is looked at again"); return }
        let lost = InsertFailure(kind: .outcomeUnknown, message: "lost")
        _ = plan.handle(.answered(.failed(lost)), of: batch(1...10), destination: .askable, now: now)
        guard case .look = begin(11...20) else { Issue.record("another server may be next"); return }
    }

    @Test func `of those that wait alone the ones that are accepted do not wait for the others`() {
        var plan = plan()
        let failure = InsertFailure(kind: .destination, code: 117, message: "Unknown field found")
        let alone = (1...100).map { freeze($0...$0, &plan) }
        for batch in alone { _ = fail(&plan, batch, failure, .askable, now) }
        // Every second column is back.
        var time = now
        var sends = 0
        while plan.entries.contains(where: { $0.batch.ids.lowerBound % 2 == 0 }), sends < 1_000 {
            switch plan.next(now: time, fresh: .wait(nil)) {
            case .send(let batch):
                sends += 1
                if batch.ids.lowerBound % 2 == 0 {
                    plan.deliver(batch, time)
                } else {
                    _ = fail(&plan, batch, failure, .askable, time)
                }
            case .look: plan.handle(.looked(nil), now: time)
            case .wait(let delay?, _): time = time.advanced(by: delay)
            case let step: Issue.record("\(step)"); return
            }
        }
        #expect(sends <= 300 && now.duration(to: time) < .seconds(120), "\(sends) sends in \(now.duration(to: time))")
    }

    @Test func `a piece that is on its way when the spool tells of the cut stays so`() {
        var plan = plan(inFlight: 2)
        let whole = freeze(1...10, &plan)
        plan.send(whole, now)
        let refusal = InsertFailure(kind: .data, message: "no")
        for event in [DeliveryPlan.BatchEvent.sent(.failed(refusal)), .answered(.nothing)] {
            _ = plan.handle(event, of: whole, destination: .askable, now: now)
        }
        let pieces = [batch(1...5), batch(6...10)]
        plan.handle(.batches(pieces), now: now)
        plan.handle(.frozen(pieces[0]), now: now)
        _ = plan.handle(.replaced(pieces, suspicions: [nil, nil]), of: whole, destination: .askable, now: now)
        #expect(plan[pieces[0]].stage == .begun)
        #expect(plan.entries.map(\.batch.token) == pieces.map(\.token))
    }

    @Test func `a look that ends an outage ends the waits of its batches`() {
        var plan = plan()
        let busy = freeze(1...10, &plan)
        for _ in 0..<8 { _ = fail(&plan, busy, .transient) }
        let gone = InsertFailure(
            kind: .transient,
            message: "refused",
            mayHaveBeenStored: false,
            transport: TransportFailure(message: "refused", isBeforeSending: true)
        )
        _ = fail(&plan, busy, gone, .askable, now)
        let later = now.advanced(by: .seconds(2))
        look(&plan, later)
        #expect(sent(&plan, later) == busy.token)
    }

    @Test func `what one record is refused for makes no batch smaller, and two kinds of refusal are no proof`() {
        var plan = plan()
        let large = InsertFailure(kind: .tooLarge, message: "status 413")
        let whole = freeze(1...100, &plan)
        #expect(fail(&plan, whole, large, .askable, now).verdict == .cut)
        plan.replace(whole, with: [batch(1...1), batch(2...100)], now)
        _ = fail(&plan, batch(1...1), large, .askable, now)
        #expect(plan.sizing.maxRecords(pending: 1) == 100)
        // A field that was unknown says nothing of the value that is refused later.
        let unknown = InsertFailure(kind: .destination, code: 117, message: "Unknown field found")
        let old = freeze(201...202, &plan)
        for _ in 0..<3 { _ = fail(&plan, old, unknown, .askable, now) }
        plan.replace(old, with: [batch(201...201), batch(202...202)], now)
        plan.deliver(batch(202...202), now)
        #expect(fail(&plan, batch(201...201), .data) != .setAside)
    }

    @Test func `a batch that is missing says nothing of an older one whose question had no answer`() {
        var plan = recoveredPlan(inFlight: 1)
        let (older, younger) = (freeze(11...20, &plan), freeze(21...30, &plan))
        plan.miss(younger, now)
        #expect(plan.mayBeElsewhere(older) && !plan.mayBeElsewhere(younger))
        #expect(!plan.mayBeElsewhere(freeze(31...40, &plan)))
    }

    @Test func `a hold asks the server again before anything is sent`() {
        var plan = plan()
        plan.handle(.frozen(batch(1...10)), now: now)
        #expect(fail(&plan, batch(1...10), .destination, code: 60) == .keep(.milliseconds(250)))
        #expect(plan.state == .held)
        let later = now.advanced(by: .seconds(1))
        #expect(plan.next(now: later, fresh: .wait(nil)) == .look)
        plan.handle(.looked(nil), now: now)
        #expect(plan.state == .held, "only an acceptance shows that the table takes batches again")
        #expect(sent(&plan, later) == batch(1...10).token)
    }

    /// A send that may have stored the batch again. Returns what is told of it.
    private func doubt(_ plan: inout DeliveryPlan, _ batch: Batch, _ now: WallInstant) -> InsertFailure? {
        let failure = InsertFailure(kind: .outcomeUnknown, status: 200, message: "the response is to another query")
        return fail(&plan, batch, failure, .forgetful, now).told
    }

    @Test func `what each send may store again is sent a few times a day, also when the program flushes every second`()
    {
        var plan = plan()
        var sends = 1
        plan.handle(.frozen(batch(1...50)), now: now)
        var told = doubt(&plan, batch(1...50), now)
        for second in 1...86_400 {
            let later = now.advanced(by: .seconds(second))
            plan.handle(.hurried, now: now)
            guard sent(&plan, later) != nil else { continue }
            sends += 1
            told = doubt(&plan, batch(1...50), later)
        }
        #expect(sends == 5 + 6 + 22)
        #expect(plan.state == .held)
        #expect(
            told?.withoutQuotes.hasPrefix(
                "outcome unknown after 33 sends without an answer, and each may have stored the records again: check"
            ) == true
        )
    }

    @Test func `where no answer comes back for one batch, the others are delivered`() {
        var plan = plan()
        let doubtful = batch(1...10)
        plan.handle(.frozen(doubtful), now: now)
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
        plan.handle(.frozen(batch(11...20)), now: now)
        plan.deliver(batch(11...20), now)
        #expect(sent(&plan, later) == doubtful.token)
        #expect(doubt(&plan, doubtful, later)?.sendsInDoubt == 6)
        #expect(plan.state == .backingOff)
        #expect(plan.next(now: later, fresh: .sendNow) == .freeze)
        #expect(sent(&plan, later.advanced(by: .seconds(119))) == nil)
    }

    @Test func `a clock that is set back does not prolong a wait`() {
        var plan = plan()
        plan.handle(.frozen(batch(1...10)), now: now)
        _ = fail(&plan, batch(1...10), .transient)
        let earlier = now.advanced(by: .seconds(-3_600))
        #expect(sent(&plan, earlier) == batch(1...10).token)
    }

    @Test func `any number of records that wait keeps no good one back`() {
        var plan = plan()
        for id in 1...2_000 {
            plan.handle(.frozen(batch(Int64(id)...Int64(id))), now: now)
            _ = fail(&plan, batch(Int64(id)...Int64(id)), .data)
        }
        var (later, probes, step) = (now, 0, plan.next(now: now, fresh: .sendNow))
        while step != .freeze, probes < 9 {
            if case .send(let batch) = step {
                probes += 1
                _ = fail(&plan, batch, .data)
            }
            if case .wait(let delay?, _) = step { later = later.advanced(by: delay) }
            step = plan.next(now: later, fresh: .sendNow)
        }
        #expect(step == .freeze && probes <= 1)
    }

    @Test func `a batch that waits for its own server does not stop the others`() {
        var plan = plan()
        let first = batch(1...10)
        plan.handle(.frozen(first), now: now)
        let failure = InsertFailure(kind: .transient, message: "its server is away", concernsBatchAlone: true)
        _ = fail(&plan, first, failure, .unaskable, now)
        #expect(plan.state == .backingOff)
        #expect(plan.next(now: now, fresh: .sendNow) == .freeze)
        plan.handle(.frozen(batch(11...20)), now: now)
        plan.deliver(batch(11...20), now)
        #expect(sent(&plan, now.advanced(by: .seconds(1))) == first.token)
        plan.deliver(first, now)
        #expect(plan.state == .fine)
    }

    @Test func `what is being sent is waited for before a flush is given up`() {
        var plan = plan(inFlight: 2)
        plan.handle(.frozen(batch(1...1)), now: now)
        plan.handle(.frozen(batch(2...2)), now: now)
        _ = fail(&plan, batch(1...1), .data)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .wait(.milliseconds(250), isBlocked: false))
    }

    @Test func `an answer about a batch shows that the server is there`() {
        var plan = plan()
        plan.handle(.frozen(batch(1...10)), now: now)
        _ = fail(&plan, batch(1...10), .outcomeUnknown)
        #expect(plan.state == .backingOff)
        plan.find(batch(1...10), now)
        #expect(plan.state == .fine)
    }

    @Test func `flush hurries what was put off`() {
        var plan = plan()
        plan.handle(.frozen(batch(1...10)), now: now)
        _ = fail(&plan, batch(1...10), .transient)
        plan.handle(.hurried, now: now)
        #expect(sent(&plan, now) == batch(1...10).token)
    }

    @Test func `batches that the spool has in the place of others are sent, and what is on its way ends`() {
        var plan = self.plan(inFlight: 2)
        let first = freeze(1...10, &plan)
        let second = freeze(11...20, &plan)
        plan.give(first, now)
        var rest = first
        rest.records = 9
        // The second one is on its way. It is gone from the spool, and others have its place.
        plan.handle(.batches([rest, batch(11...15), batch(16...20)]), now: now)
        #expect(plan.next(now: now, fresh: .wait(nil)) == .send(rest))
        #expect(!plan.isDoubtful(rest))
        #expect(plan.isDoubtful(batch(11...15)) && plan.mayBeElsewhere(batch(16...20)))
        plan.accept(second, now)
        plan.finish(second, now)
        plan.handle(.batches([batch(16...20)]), now: now)
        #expect(plan.entries.map(\.batch.token) == [rest.token, "16...20"])
        // Frozen while the plan was made anew.
        plan.handle(.frozen(batch(16...20)), now: now)
        #expect(plan.entries.count == 2)
    }
}

extension DeliveryPlan {
    fileprivate func isDoubtful(_ batch: Batch) -> Bool { entry(of: batch)?.isDoubtful ?? false }

    fileprivate func mayBeElsewhere(_ batch: Batch) -> Bool { entry(of: batch)?.mayBeElsewhere ?? false }

    private mutating func take(_ event: BatchEvent, _ batch: Batch, _ now: WallInstant) -> Effect {
        handle(event, of: batch, destination: .askable, now: now)
    }

    /// Begins an attempt where none is under way, and goes on until the table is asked or the batch is sent.
    private mutating func open(_ batch: Batch, _ now: WallInstant) -> Effect? {
        if entry(of: batch)?.stage == .waiting { handle(.frozen(batch), now: now) }
        guard entry(of: batch)?.stage == .begun else { return nil }
        let effect = take(.begun, batch, now)
        if case .look = effect { return take(.looked(nil), batch, now) }
        return effect
    }

    /// Goes on until the batch is sent, the table having nothing of it.
    fileprivate mutating func send(_ batch: Batch, _ now: WallInstant) {
        var effect = open(batch, now)
        while case .ask = effect { effect = take(.answered(.nothing), batch, now) }
    }

    fileprivate mutating func miss(_ batch: Batch, _ now: WallInstant) { send(batch, now) }

    /// The table has all of it but `missing`.
    private mutating func find(_ batch: Batch, missing: [Batch], _ now: WallInstant) {
        var effect = open(batch, now)
        let rest = missing.map { BatchMember(id: $0.ids.lowerBound, payloadBytes: 1) }
        while case .ask = effect { effect = take(.answered(.rows(rest, missing: rest)), batch, now) }
    }

    fileprivate mutating func find(_ batch: Batch, _ now: WallInstant) {
        find(batch, missing: [], now)
        finish(batch, now)
    }

    fileprivate mutating func replace(_ batch: Batch, with children: [Batch], _ now: WallInstant) {
        find(batch, missing: children, now)
        _ = take(.replaced(children, suspicions: []), batch, now)
    }

    /// Without another send: it was refused alone, and the table has nothing of it.
    fileprivate mutating func setAside(_ batch: Batch, _ now: WallInstant) {
        var effect = open(batch, now)
        if case .ask = effect { effect = take(.answered(.nothing), batch, now) }
        guard case .setAside = effect else { preconditionFailure("\(effect, default: "nothing") follows") }
        finish(batch, now)
    }

    fileprivate mutating func accept(_ batch: Batch, _ now: WallInstant) {
        send(batch, now)
        _ = take(.sent(.accepted), batch, now)
    }

    /// The spool has done what it was asked for.
    fileprivate mutating func finish(_ batch: Batch, _ now: WallInstant) { _ = take(.committed, batch, now) }

    fileprivate mutating func give(_ batch: Batch, _ now: WallInstant) { _ = take(.changed, batch, now) }

    fileprivate mutating func deliver(_ batch: Batch, _ now: WallInstant) {
        accept(batch, now)
        finish(batch, now)
    }
}

extension DestinationProfile {
    fileprivate static let askable = DestinationProfile(
        version: "26.9",
        guarantee: .reconciliation(reason: "it has no window"),
        canReconcile: true
    )
    fileprivate static let unaskable = DestinationProfile(
        version: "26.9",
        guarantee: .token(limit: nil),
        canReconcile: false
    )
    fileprivate static let forgetful = DestinationProfile(
        version: "26.9",
        guarantee: .atLeastOnce(reason: "it has no window"),
        canReconcile: false
    )
}
