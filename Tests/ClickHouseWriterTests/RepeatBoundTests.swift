@testable import ClickHouseWriter
import SQLiteSpool
import Testing

@Suite struct RepeatBoundTests {
    private typealias Bound = RepeatBound<WallInstant>

    private func at(_ seconds: Double) -> WallInstant {
        WallInstant(milliseconds: 1_795_000_000_000 + Int64(seconds * 1_000))
    }

    /// What is decided at each of some times, in seconds.
    private func verdicts(_ kind: Bound.Kind, _ times: [Double]) -> [Bound.Verdict] {
        var bound = Bound(kind)
        return times.map { bound.note(now: at($0)) }
    }

    private func sum(_ unsaid: Int, of total: Int, in seconds: Int) -> Bound.Verdict {
        .sum(Bound.Sum(unsaid: unsaid, total: total, lasting: .seconds(seconds)))
    }

    @Test func `the first is said, and then a sum a minute`() {
        let times: [Double] = [0, 1, 59, 60, 61, 119, 121]
        #expect(
            verdicts(.lasting, times) == [
                .first, .keptBack, .keptBack, sum(3, of: 4, in: 60), .keptBack, .keptBack, sum(3, of: 7, in: 121),
            ]
        )
    }

    @Test func `what lasts is one thing also when it is rare`() {
        #expect(verdicts(.lasting, [0, 300, 600]) == [.first, sum(1, of: 2, in: 300), sum(1, of: 3, in: 600)])
    }

    @Test func `what is momentary is new again after a quiet minute`() {
        #expect(verdicts(.momentary, [0, 60, 61, 130]) == [.first, .first, .keptBack, sum(2, of: 3, in: 70)])
    }

    @Test func `many at once count as many`() {
        var bound = Bound(.momentary)
        #expect(bound.note(7, now: at(0)) == .first)
        #expect(bound.note(5, now: at(1)) == .keptBack)
        #expect(bound.takeDue(now: at(59)) == nil)
        #expect(bound.takeDue(now: at(60)) == Bound.Sum(unsaid: 5, total: 12, lasting: .seconds(60)))
        #expect(bound.takeDue(now: at(200)) == nil, "nothing is said twice")
    }

    @Test func `what was kept back is said when nothing more can happen`() {
        var bound = Bound(.momentary)
        #expect(bound.close(now: at(0)) == nil)
        _ = bound.note(now: at(0))
        #expect(bound.close(now: at(1)) == nil)
        _ = bound.note(now: at(2))
        _ = bound.note(now: at(3))
        #expect(bound.close(now: at(4))?.unsaid == 2)
    }

    @Test func `an end says how often and how long, once`() {
        var bound = Bound(.lasting)
        #expect(bound.end(now: at(0)) == nil)
        for second in 0..<5 { _ = bound.note(now: at(Double(second))) }
        #expect(bound.end(now: at(9)) == Bound.Sum(unsaid: 4, total: 5, lasting: .seconds(9)))
        #expect(bound.end(now: at(10)) == nil)
    }

    @Test func `what comes and goes many times a minute is said once`() {
        var bound = Bound(.lasting)
        var said = 0
        for tenth in 0..<590 {
            if bound.note(now: at(Double(tenth) / 10)) != .keptBack { said += 1 }
            if bound.end(now: at(Double(tenth) / 10 + 0.05)) != nil { said += 1 }
        }
        #expect(said == 2)
        #expect(bound.note(now: at(60)) == .first)
    }

    @Test func `what begins anew within a minute is said when it goes on`() {
        var bound = Bound(.lasting)
        _ = bound.note(now: at(0))
        _ = bound.end(now: at(1))
        #expect(bound.note(now: at(50)) == .keptBack)
        #expect(bound.takeDue(now: at(61)) == Bound.Sum(unsaid: 1, total: 1, lasting: .seconds(11)))
        #expect(bound.end(now: at(70)) != nil, "it was said, so its end is")
    }

    @Test func `a clock that is set back keeps nothing quiet`() {
        var bound = Bound(.lasting)
        _ = bound.note(now: at(0))
        #expect(bound.note(now: at(-3_600)) == sum(1, of: 2, in: 0))
    }
}
