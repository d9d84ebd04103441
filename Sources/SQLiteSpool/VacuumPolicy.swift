/// When pages that nothing uses go back to the disk, and how many at once: a step must not be felt by a writer.
package struct VacuumPolicy: Sendable {
    /// Free pages that are kept for the records to come: 4 MiB.
    package var pagesKept = 1_024

    /// Pages of a step in a quiet moment, and of one that goes along with a commit.
    package var pagesWhenQuiet = 512
    package var pagesWhenBusy = 16

    /// How long nothing must have been asked of the spool before the next step.
    package var intervalMilliseconds = 5

    /// A file of which more than half is in use is left: records will come and go.
    func pages(_ usage: SpoolUsage, isBusy: Bool) -> Int {
        let surplus = usage.freePages - max(pagesKept, usage.pages - usage.freePages)
        return max(0, min(surplus, isBusy ? pagesWhenBusy : pagesWhenQuiet))
    }
}
