internal import Synchronization

/// What goes wrong with an insert, for tests.
package enum Fault: Sendable, Equatable {
    /// Answered instead of processing; `code` nil leaves out ClickHouse's header and text, as a gateway would.
    case error(status: Int, code: Int?, message: String, retryAfter: Int? = nil)
    /// Processed, then answered all the same: an error whose rows are stored.
    case errorAfterProcessing(status: Int, code: Int?, message: String)
    /// Processed after a while.
    case delay(Duration)
    /// Read, and never answered.
    case hang
    /// The connection is cut before anything is stored.
    case dropBeforeProcessing
    /// The connection is cut after the rows were stored: the lost acknowledgement.
    case dropAfterProcessing
    /// The first rows are stored, without the token, and the connection is cut: what an 18.16 server makes of a body that
    /// is cut between two rows.
    case dropAfterStoring(rows: Int)
    case redirect(to: String)
    /// Status 200 with a body, which an insert never has.
    case unexpectedBody(String)
    /// Status 200 for another query id.
    case foreignQueryID
    /// Bytes that are not HTTP.
    case garbage
}

/// The faults that wait to strike, in order, one an insert.
package final class FaultPlan: Sendable {
    private struct State {
        var next: [Fault] = []
        var standing: Fault?
    }

    private let state = Mutex(State())

    package init() {}

    /// Strikes the next inserts, one each.
    package func add(_ faults: Fault...) {
        state.withLock { $0.next += faults }
    }

    /// Strikes every insert that no other fault strikes; nil ends it.
    package func setStanding(_ fault: Fault?) {
        state.withLock { $0.standing = fault }
    }

    /// Nothing goes wrong any more.
    package func clear() {
        state.withLock { $0 = State() }
    }

    func take() -> Fault? {
        state.withLock { $0.next.isEmpty ? $0.standing : $0.next.removeFirst() }
    }
}
