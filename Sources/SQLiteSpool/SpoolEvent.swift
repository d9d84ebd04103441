/// What happened in a spool. Told on its commit thread, which waits: whoever is told must not block.
package enum SpoolEvent: Sendable, Equatable {
    /// A transaction was committed. Those who wait for it are resumed afterwards.
    case committed(CommittedWork, pendingBefore: Int, pendingAfter: Int)
}

/// What a transaction held.
package struct CommittedWork: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let records = CommittedWork(rawValue: 1)
    package static let freeze = CommittedWork(rawValue: 2)
    package static let acknowledgement = CommittedWork(rawValue: 4)
    package static let other = CommittedWork(rawValue: 8)
}
