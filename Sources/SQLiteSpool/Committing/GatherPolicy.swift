/// How long the commit thread waits, before it takes a group, for the tasks to come back that it has just let go.
///
/// Without that, tasks that write all the time fall into two halves: one gathers while the other is being synced, so each
/// sync serves half of them. Waiting a moment lets a sync serve all. It is worth it only where a sync takes long, and only
/// while they really come back: after a wait that was in vain, more and more groups are taken at once.
struct GatherPolicy: Sendable {
    struct Wait: Equatable {
        /// How much work ends the wait.
        var work: Int
        var limit: Duration
    }

    /// A commit that is faster is not worth waiting for.
    private static let shortestCommit = Duration.microseconds(100)
    private static let longestWait = Duration.microseconds(500)

    /// A group takes no more at once.
    private static let mostWork = CommitQueue.recordsPerGroup
    private static let mostSkips = 63

    /// The wait before the next group; nil takes it as soon as there is work.
    private(set) var wait: Wait?

    /// Groups that are still taken at once, and how many it will be after the next wait in vain.
    private var skips = 0
    private var penalty = 1

    /// - Parameters:
    ///   - work: what was in the group: so many tasks have been let go.
    ///   - waiting: what has come in meanwhile.
    mutating func didCommit(work: Int, waiting: Int, in duration: Duration) {
        if let wait {
            if work >= wait.work {
                penalty = 1
            } else {
                skips = penalty
                penalty = min(2 * penalty + 1, Self.mostSkips)
            }
        }
        wait = nil
        guard skips == 0 else {
            skips -= 1
            return
        }
        guard (2...Self.mostWork).contains(work + waiting), duration >= Self.shortestCommit else { return }
        wait = Wait(work: work + waiting, limit: min(duration / 2, Self.longestWait))
    }
}
