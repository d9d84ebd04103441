import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

@Suite(.bounded) struct AdviceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var troubles: [Advice.Trouble]
        var needsPerson: Bool
        var change: @Sendable (inout SpoolView) -> Void

        init(
            _ description: String,
            _ troubles: [Advice.Trouble],
            needsPerson: Bool = true,
            _ change: @escaping @Sendable (inout SpoolView) -> Void
        ) {
            testDescription = description
            self.troubles = troubles
            self.needsPerson = needsPerson
            self.change = change
        }
    }

    static let cases = [
        Case("all is well", [], needsPerson: false) { _ in },
        Case("records wait for a moment", [], needsPerson: false) {
            $0.status.pending = 7
            $0.status.oldestEnqueuedAt = $0.status.readAt.advanced(by: .seconds(-5))
        },
        Case("the owner ended and left nothing", [], needsPerson: false) { $0.files.owner.isAlive = false },
        Case("the owner is gone and records wait", [.ownerGone]) {
            $0.files.owner.isAlive = false
            $0.status.inFlight = 1
        },
        Case("nobody ever owned it and records wait", [.ownerGone]) {
            $0.files.owner = SpoolOwner(process: nil, isAlive: false, note: nil)
            $0.status.pending = 1
        },
        Case("held", [.held]) { $0.status.state = .held },
        Case("held, and the owner is gone", [.ownerGone, .held]) {
            $0.status.state = .held
            $0.status.pending = 1
            $0.files.owner.isAlive = false
        },
        Case("a record is refused", [.poisoned]) { $0.status.state = .poisoned },
        Case("ClickHouse is away", [.backingOff], needsPerson: false) { $0.status.state = .backingOff },
        Case("ClickHouse was away when the owner ended", [], needsPerson: false) {
            $0.status.state = .backingOff
            $0.files.owner.isAlive = false
        },
        Case("old records and nothing fails", [.backlog], needsPerson: false) {
            $0.status.pending = 7
            $0.status.oldestEnqueuedAt = $0.status.readAt.advanced(by: .seconds(-600))
        },
        Case("dead letters", [.deadLetters]) { $0.status.deadLetters = 1 },
        Case("displaced", [.displaced]) { $0.files.owner.note?.state = .displaced },
        Case("damaged", [.damaged]) { $0.files.owner.note?.state = .damaged },
        Case("damaged says all that a gone owner would", [.damaged]) {
            $0.files.owner.note?.state = .damaged
            $0.files.owner.isAlive = false
            $0.status.pending = 1
        },
        Case("the file ends before what was committed", [.damaged]) {
            $0.files.owner.isAlive = false
            $0.files.owner.note?.progress.committed = $0.status.lastID + 1
            $0.status.pending = 1
        },
        Case("the owner commits while it is looked at", [], needsPerson: false) {
            $0.files.owner.note?.progress.committed = $0.status.lastID + 1
        },
        Case("the disk failed", [.failed]) { $0.files.owner.note?.state = .failed },
        Case("the disk failed under one that is gone", [.ownerGone]) {
            $0.files.owner.note?.state = .failed
            $0.files.owner.isAlive = false
            $0.status.pending = 1
        },
        Case("no room", [.diskFull]) { $0.files.freeBytes = (64 << 20) - 1 },
        Case("just room enough", [], needsPerson: false) { $0.files.freeBytes = 64 << 20 },
        Case("nobody knows how much room", [], needsPerson: false) { $0.files.freeBytes = nil },
        Case("a damaged file lies beside it", [.quarantined]) { $0.files.quarantined = ["s.damaged-1"] },
        Case("a reader holds the WAL", [.walHeld]) {
            $0.files.walBytes = 64 << 20
            $0.files.readers = [4242]
        },
        Case("a reader, and a small WAL", [], needsPerson: false) { $0.files.readers = [4242] },
        Case("a large WAL, and no reader", [], needsPerson: false) { $0.files.walBytes = 1 << 30 },
        Case("all at once, the most urgent first", [.ownerGone, .diskFull, .held, .deadLetters, .quarantined]) {
            $0.files.owner.isAlive = false
            $0.files.freeBytes = 0
            $0.files.quarantined = ["s.damaged-1", "s.damaged-2"]
            $0.status.pending = 1
            $0.status.deadLetters = 3
            $0.status.state = .held
        },
    ]

    @Test(arguments: cases)
    func `each trouble has its advice`(_ example: Case) async throws {
        var view = try await soundView()
        example.change(&view)
        let list = Advice.list(view)
        #expect(list.map(\.trouble) == example.troubles)
        #expect(list.contains(where: \.needsPerson) == example.needsPerson)
        // One or two lines each; three where a command is in it.
        for advice in list { #expect(Paragraph.lines(advice.text, first: "- ", indent: "  ").count <= 3) }
    }

    @Test func `the advice names the process, the file and the command`() async throws {
        var view = try await soundView()
        view.path = "my traces.spool"
        view.files.owner.isAlive = false
        view.files.walBytes = 1 << 30
        view.files.readers = [7, 4242]
        view.files.quarantined = ["s.damaged-20261123T101500Z"]
        view.status.pending = 1_204
        view.status.deadLetters = 1
        let text = Advice.list(view).map(\.text).joined(separator: "\n")
        #expect(text.contains("1,204 records wait"))
        #expect(text.contains("spoolctl drain 'my traces.spool' --url"))
        #expect(text.contains("spoolctl dead-letters list 'my traces.spool'"))
        #expect(text.contains("End process 7, 4242"))
        #expect(text.contains("s.damaged-20261123T101500Z"))
    }
}
