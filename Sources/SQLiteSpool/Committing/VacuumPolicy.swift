/// When pages that nothing uses go back to the disk, and how many at once: a step must not be felt by a writer.
package struct VacuumPolicy: Sendable {
    /// Free pages that are kept for the records to come: 4 MiB.
    package var pagesKept = 512

    /// Pages of a step in a quiet moment, and of one that goes along with a commit.
    package var pagesWhenQuiet = 128
    package var pagesWhenBusy = 8

    /// How long nothing must have been asked of the spool before the next step.
    package var intervalMilliseconds = 5

    /// While a good part of the file is in use it is left alone: records will come and go, and cutting it would mean to
    /// move pages, which then are freed in no order, so that SQLite has to search for each.
    func pages(_ usage: SpoolUsage, isBusy: Bool) -> Int {
        let used = usage.pages - usage.freePages
        let surplus = usage.freePages - max(pagesKept, 4 * used)
        return max(0, min(surplus, isBusy ? pagesWhenBusy : pagesWhenQuiet))
    }
}
