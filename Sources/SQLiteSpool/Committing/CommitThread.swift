internal import CSQLite
internal import Foundation
internal import Synchronization

/// The thread that owns the writing connection. Nothing else in the process writes to the spool or checkpoints it.
enum CommitThread {
    /// Starts the thread. It ends after the committer's queue was closed and emptied.
    ///
    /// - Parameter didEnd: called when the connection is closed.
    static func start(_ committer: consuming sending Committer, didEnd: @escaping @Sendable () -> Void) {
        let handOver = Mutex<Committer?>(committer)
        Thread.detachNewThread {
            // Foundation's name does not reach the system, nor `top -H`.
            unsafe csqlite_name_thread("spool-commits")
            var next = handOver.withLock { $0.take() }
            while var committer = next.take() {
                if committer.run() == .damaged { next = committer.openAnew() }
            }
            didEnd()
        }
    }
}
