/// How the commit thread begins, and how it goes on when its file was damaged.
extension Committer {
    init(
        _ opened: consuming Opened,
        _ recovery: consuming SpoolRecovery,
        queue: CommitQueue,
        onEvent: @escaping @Sendable (SpoolEvent) -> Void
    ) {
        let configuration = recovery.configuration
        let maintenance = WALMaintenance(
            checkpoints: configuration.checkpoints,
            vacuum: configuration.vacuum,
            file: recovery.file,
            onEvent: onEvent,
            disk: DiskRoom(spool: recovery.file.path, recovery.lock, configuration),
            mark: opened.mark,
            alarmBytes: configuration.walAlarmBytes,
            bytesInUseBefore: opened.connection.usage.databaseBytesInUse
        )
        self.init(
            configuration: configuration,
            queue: queue,
            lock: recovery.lock,
            onEvent: onEvent,
            connection: opened.connection,
            maintenance: maintenance,
            recovery: recovery
        )
    }

    /// Closes the file, and opens it as a new owner does: a damaged one is set aside, and what is readable of it goes on.
    /// Meanwhile nothing is accepted.
    ///
    /// - Returns: nil when the queue was closed before that succeeded.
    consuming func openAnew() -> Committer? {
        var recovery = self.recovery
        let (queue, onEvent) = (self.queue, self.onEvent)
        recovery.beginSalvage()
        Self.close(connection, maintenance)
        while true {
            do throws(SpoolError) {
                let opened = try recovery.openAsNextOwner()
                recovery.didOpen(opened)
                return Committer(opened, recovery, queue: queue, onEvent: onEvent)
            } catch {
                recovery.note(.failed(error))
            }
            repeat {
                switch queue.next(gathering: nil, quietPeriod: recovery.configuration.reopenMilliseconds) {
                case .commit(let group):
                    for finding in group.findings { finding.completion.resume(with: .success(())) }
                    if let refusal = recovery.health.refusal { group.complete(with: .failure(refusal)) }
                case .quiet: break
                case .closed: return nil
                }
            } while !recovery.mustSalvage(isOpen: false)
        }
    }

    /// What is in the WAL stays there: it is for whoever opens the file.
    private static func close(_ connection: consuming SpoolConnection, _ maintenance: consuming WALMaintenance) {
        connection.leaveWAL()
        maintenance.close()
    }
}
