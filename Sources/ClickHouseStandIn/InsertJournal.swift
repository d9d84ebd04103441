internal import Synchronization

/// The inserts that arrived, accepted or not, for tests to look at.
package final class InsertJournal: Sendable {
    package struct Entry: Sendable, Equatable {
        package let token: String
        package let queryID: String
        package let body: String
    }

    private let entries = Mutex<[Entry]>([])
    private let isKept: Bool

    init(isKept: Bool) {
        self.isKept = isKept
    }

    package var inserts: [Entry] { entries.withLock { $0 } }

    func add(_ entry: @autoclosure () -> Entry) {
        if isKept { entries.withLock { $0.append(entry()) } }
    }
}

/// When an insert is told to whoever watches a stand-in.
package enum InsertMoment: Sendable {
    /// All of it arrived. Nothing was done with it yet, and a fault that is planned now strikes it.
    case received
    /// Its rows are stored, and the reply was not sent yet.
    case stored
}
