/// Keeps the WAL short and the file no longer than it need be, and sees to it that both have their place on the disk.
struct WALMaintenance: ~Copyable {
    let checkpoints: CheckpointPolicy
    let vacuum: VacuumPolicy
    private(set) var file: DatabaseFile
    let onEvent: (SpoolEvent) -> Void

    var disk: DiskRoom
    private(set) var mark: WALMark
    private(set) var watch: WALWatch
    /// Bytes of the database that were in use when the WAL was begun.
    private(set) var bytesInUseBefore: Int

    /// How many pages to cut off the file now. None while a reader holds the WAL: it would only grow. And while a batch is
    /// on its way the pause is not a quiet one: what is delivered then needs the processor and the disk.
    func pagesToReturn(_ connection: borrowing SpoolConnection, isBusy: Bool) -> Int {
        if watch.isHeld || !isBusy && !connection.ledger.batches.isEmpty { return 0 }
        return vacuum.pages(connection.usage, isBusy: isBusy)
    }

    /// How long nothing must come before there is something to do here, in milliseconds; nil: there is nothing.
    func quietPeriod(_ connection: borrowing SpoolConnection) -> Int? {
        if pagesToReturn(connection, isBusy: false) > 0 { return vacuum.intervalMilliseconds }
        if connection.usage.walPages == 0 { return nil }
        return watch.isHeld ? 1_000 : checkpoints.quietPeriodMilliseconds
    }

    /// What is to be done after a commit; nil: nothing.
    func step(_ usage: SpoolUsage, workIsWaiting: Bool) -> CheckpointPolicy.Step? {
        let step = checkpoints.step(
            walBytes: usage.walBytes,
            newBytes: usage.databaseBytesInUse - bytesInUseBefore,
            mark: mark.bytes,
            workIsWaiting: workIsWaiting
        )
        return step == .moveAll && !watch.isWorthACheckpoint(usage) ? nil : step
    }

    /// - Returns: whether a commit is to follow: it starts the WAL anew and cuts the file that a reader had made grow.
    mutating func perform(
        _ step: CheckpointPolicy.Step,
        _ connection: inout SpoolConnection
    ) throws(SQLiteError) -> Bool {
        switch step {
        case .mark: mark.set(at: connection.usage.walBytes)
        case .moveSlice:
            // Whatever became of it: the next slice begins here.
            defer { mark.set(at: connection.usage.walBytes) }
            _ = try moveWAL(&connection)
            disk.didMoveSlice()
        case .moveAll:
            mark.clear()
            let isComplete = try moveWAL(&connection)
            if isComplete {
                disk.didCheckpoint()
                bytesInUseBefore = connection.usage.databaseBytesInUse
            }
            switch watch.didCheckpoint(connection.usage, isComplete: isComplete) {
            case .held:
                onEvent(
                    .walHeld(
                        bytes: connection.usage.walBytes,
                        readers: file.fileSystem.readers(ofWALIndex: file.path + "-shm")
                    )
                )
            case .released:
                onEvent(.walReleased)
                return true
            case nil: break
            }
        }
        return false
    }

    /// - Returns: whether all of it was moved.
    private func moveWAL(_ connection: inout SpoolConnection) throws(SQLiteError) -> Bool {
        onEvent(.checkpointing)
        let isComplete = try connection.checkpoint()
        onEvent(.checkpointed(connection.usage))
        return isComplete
    }

    /// Goes on with another file.
    mutating func move(to file: DatabaseFile, _ mark: consuming WALMark) {
        self.file = file
        self.mark = mark
    }

    /// Call it before the writing connection is closed: the last one that closes the file checkpoints it.
    mutating func close() {
        mark.close()
        disk.close()
    }
}
