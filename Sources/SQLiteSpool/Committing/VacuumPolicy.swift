/// When pages that nothing uses go back to the disk, and how many at once: a step must not be felt by a writer.
package struct VacuumPolicy: Sendable {
    /// Free bytes that are kept for the records to come.
    package var bytesKept = 4 << 20

    /// Bytes of a step in a quiet moment, and of one that goes along with a commit.
    package var bytesWhenQuiet = 1 << 20
    package var bytesWhenBusy = 64 << 10

    /// How long nothing must have been asked of the spool before the next step.
    package var intervalMilliseconds = 5

    /// While a good part of the file is in use it is left alone: records will come and go, and cutting it would mean to
    /// move pages, which then are freed in no order, so that SQLite has to search for each.
    func pages(_ usage: SpoolUsage, isBusy: Bool) -> Int {
        let used = usage.pages - usage.freePages
        let surplus = usage.freePages - max(bytesKept / usage.pageBytes, 4 * used)
        return max(0, min(surplus, (isBusy ? bytesWhenBusy : bytesWhenQuiet) / usage.pageBytes))
    }
}
