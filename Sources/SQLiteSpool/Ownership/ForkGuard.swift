internal import Glibc
internal import Synchronization

/// Tells a process that was forked from the one that opened something: SQLite's connections, the commit thread and the lock
/// are the parent's (https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_).
enum ForkGuard {
    private static let forks = Atomic<Int>(0)
    private static let isWatching: Bool = pthread_atfork(nil, nil, { ForkGuard.forks.add(1, ordering: .relaxed) }) == 0

    /// Another one in a forked child than in its parent. Costs no system call.
    static var generation: Int {
        _ = isWatching
        return forks.load(ordering: .relaxed)
    }
}
