/// When the WAL is moved into the database, and how much of it.
///
/// A checkpoint holds up the commits behind it. Where nobody waits all is moved at once. While a backlog grows it is moved in
/// slices, of what was written between two marks, and all of it only when it has grown past a limit: by then little is left
/// to move. A spool that is drained as it is filled writes the same pages again and again: slices would move each many times.
package struct CheckpointPolicy: Sendable {
    /// Bytes from which a checkpoint is worth it as soon as no work waits: about as SQLite's own default.
    package var bytesWhenIdle = 4_000 << 10

    /// Bytes between two marks: moving them takes about as long as a commit of 64 records.
    package var bytesPerSlice = 600 << 10

    /// Whether slices are moved also where no work waits and nothing grows: for tests, whose load must be the same each time.
    package var slicesAlways = false

    /// Bytes from which all is moved before waiting work.
    package var bytesAtMost = 16_000 << 10

    /// How long nothing must have been asked of the spool before a small WAL is moved too.
    package var quietPeriodMilliseconds = 200

    enum Step: Equatable {
        /// A mark is set where the WAL ends now.
        case mark
        /// What is before the mark is moved, and a new mark set.
        case moveSlice
        case moveAll
    }

    /// - Parameters:
    ///   - walBytes: what is in the WAL.
    ///   - newBytes: by how many bytes more are in use than when the WAL was begun.
    ///   - mark: what was in it when the mark was set; nil without one.
    func step(walBytes: Int, newBytes: Int, mark: Int?, workIsWaiting: Bool) -> Step? {
        if walBytes >= (workIsWaiting ? bytesAtMost : bytesWhenIdle) { return .moveAll }
        guard slicesAlways || workIsWaiting && newBytes >= walBytes / 4 else { return nil }
        guard walBytes >= (mark ?? 0) + bytesPerSlice else { return nil }
        return mark == nil ? .mark : .moveSlice
    }
}
