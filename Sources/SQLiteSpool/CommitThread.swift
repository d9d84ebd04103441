internal import Foundation
internal import Synchronization

/// The thread that owns the writing connection: group commit.
///
/// It takes everything that waits, commits it as one transaction with one fsync, and only then lets the waiting tasks
/// go on. Nothing else in the process writes to the spool or checkpoints it.
enum CommitThread {
    /// Starts the thread. It ends after `queue` was closed and emptied.
    ///
    /// - Parameters:
    ///   - didCommit: called on the thread after each commit, before the waiting tasks are resumed.
    ///   - didEnd: called when the connection is closed.
    static func start(
        connection: consuming sending SpoolConnection,
        queue: CommitQueue,
        checkpoints: CheckpointPolicy,
        didCommit: @escaping @Sendable (CommittedWork, Ledger) -> Void,
        didEnd: @escaping @Sendable () -> Void
    ) {
        let handOver = Mutex<SpoolConnection?>(connection)
        let thread = Thread {
            if let connection = handOver.withLock({ $0.take() }) {
                run(connection, queue, checkpoints, didCommit)
            }
            didEnd()
        }
        thread.name = "clickhouse-spool"
        thread.start()
    }

    private static func run(
        _ connection: consuming SpoolConnection,
        _ queue: CommitQueue,
        _ checkpoints: CheckpointPolicy,
        _ didCommit: @Sendable (CommittedWork, Ledger) -> Void
    ) {
        var failure: SpoolError?
        while true {
            let mayCheckpoint = failure == nil && connection.walPages > 0
            switch queue.next(quietPeriod: mayCheckpoint ? checkpoints.quietPeriodMilliseconds : nil) {
            case .closed:
                return
            case .quiet:
                failure = checkpoint(&connection)
            case .commit(let group):
                if let failure {
                    group.complete(with: .failure(failure))
                    continue
                }
                failure = commit(group, to: &connection, didCommit)
                if failure == nil, checkpoints.isDue(walPages: connection.walPages, workIsWaiting: queue.hasWork) {
                    failure = checkpoint(&connection)
                }
            }
        }
    }

    /// - Returns: why the connection cannot be used any more, nil while it can.
    private static func commit(
        _ group: CommitQueue.Group,
        to connection: inout SpoolConnection,
        _ didCommit: @Sendable (CommittedWork, Ledger) -> Void
    ) -> SpoolError? {
        do throws(SQLiteError) {
            try connection.apply(group)
        } catch {
            let failure = SpoolError(error)
            if failure.code == .full, !group.appends.isEmpty, !group.changes.isEmpty {
                // Acknowledging frees space, so it must not fail together with the records that found none.
                group.withoutChanges.complete(with: .failure(failure))
                return commit(group.withoutAppends, to: &connection, didCommit)
            }
            group.complete(with: .failure(failure))
            return failure.isPassing ? nil : failure
        }
        didCommit(group.work, connection.ledger)
        group.complete(with: .success(()))
        return nil
    }

    private static func checkpoint(_ connection: inout SpoolConnection) -> SpoolError? {
        do throws(SQLiteError) {
            try connection.checkpoint()
            return nil
        } catch {
            let failure = SpoolError(error)
            return failure.isPassing ? nil : failure
        }
    }
}

extension CommitQueue.Group {
    fileprivate var work: CommittedWork {
        changes.reduce(into: appends.isEmpty ? [] : .records) { $0.insert($1.change.work) }
    }

    fileprivate var withoutChanges: Self { Self(appends: appends) }
    fileprivate var withoutAppends: Self { Self(changes: changes) }

    fileprivate func complete(with result: Result<Void, SpoolError>) {
        for append in appends { append.completion.resume(returning: result) }
        for (_, completion) in changes { completion.resume(returning: result) }
    }
}

extension CommitQueue.BatchChange {
    fileprivate var work: CommittedWork {
        switch self {
        case .freeze: .freeze
        case .acknowledge: .acknowledgement
        case .recordFailure, .replace, .deadLetter, .note: .other
        }
    }
}
