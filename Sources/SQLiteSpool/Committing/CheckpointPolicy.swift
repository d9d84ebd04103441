/// When the WAL is moved into the database. A checkpoint holds up the commits behind it, so it waits for a moment in
/// which nobody waits, until the WAL has grown past a limit.
package struct CheckpointPolicy: Sendable {
    /// Pages from which a checkpoint is worth it as soon as no work waits. SQLite's own default is 1,000.
    package var pagesWhenIdle = 1_000

    /// Pages from which a checkpoint comes before waiting work: 8 MiB of 4 KiB pages.
    package var pagesAtMost = 2_000

    /// How long nothing must have been asked of the spool before a small WAL is moved too.
    package var quietPeriodMilliseconds = 200

    func isDue(walPages: Int, workIsWaiting: Bool) -> Bool {
        walPages >= (workIsWaiting ? pagesAtMost : pagesWhenIdle)
    }
}
