/// What happened in a spool. Told on its commit thread, which waits: whoever is told must not block.
package enum SpoolEvent: Sendable, Equatable {
    /// A transaction was committed. Those who wait for it are resumed afterwards.
    case committed(SpoolCommit)
    /// The WAL is about to be moved into the database.
    case checkpointing
    /// As much of it was moved as readers let; `usage` says what is left.
    case checkpointed(SpoolUsage)
    /// Records were given up unsent, as the limits ask for.
    case dropped(records: Int, reason: DropReason)
    /// Records were not what was written, and are dead letters now.
    case setAside([SetAsideRecord])
    /// The file at `path` was damaged. It was set aside, and work goes on in a new one that has what could be read of it.
    case salvaged(path: String, SpoolLoss)
    /// A reader has kept its transaction open until the WAL had so many bytes. `readers` are the processes that read, as
    /// far as the system tells.
    case walHeld(bytes: Int, readers: [Int32])
    case walReleased
    /// A name did not lead to the open file any more. What the open files hold was written to `path`, and work goes on there.
    case rescued(path: String, lostName: String)
    /// The spool's health has changed.
    case health(SpoolHealth)

    package enum DropReason: String, Sendable, CaseIterable {
        case full
        case age
    }
}

/// A transaction of the spool.
package struct SpoolCommit: Sendable, Equatable {
    /// Records that it stored.
    package var records: Int
    /// From its beginning to its end, the sync included.
    package var duration: Duration
    package var before: SpoolSummary
    package var after: SpoolSummary
}
