/// Keeps the WAL short and the file no longer than it need be, and sees to it that both have their place on the disk.
struct WALMaintenance: ~Copyable {
    let checkpoints: CheckpointPolicy
    let vacuum: VacuumPolicy
    private(set) var file: DatabaseFile
    let onEvent: (SpoolEvent) -> Void

    var disk: DiskRoom
    private(set) var mark: WALMark
    /// The size of a WAL from which the spool reports that a reader holds it up, and whether it has reported it.
    let alarmBytes: Int
    private(set) var isHeld = false
    /// Bytes from which the next checkpoint may get further than the latest one.
    private(set) var nextAttempt = 0
    /// Bytes of the database that were in use when the WAL was begun.
    private(set) var bytesInUseBefore: Int

    /// How many pages to cut off the file now. None while a reader holds the WAL: it would only grow. And while a batch is
    /// on its way the pause is not a quiet one: what is delivered then needs the processor and the disk.
    func pagesToReturn(_ connection: borrowing SpoolConnection, isBusy: Bool) -> Int {
        if isHeld || !isBusy && !connection.ledger.batches.isEmpty { return 0 }
        return vacuum.pages(connection.usage, isBusy: isBusy)
    }

    /// How long nothing must come before there is something to do here, in milliseconds; nil: there is nothing.
    func quietPeriod(_ connection: borrowing SpoolConnection) -> Int? {
        if pagesToReturn(connection, isBusy: false) > 0 { return vacuum.intervalMilliseconds }
        if connection.usage.walPages == 0 { return nil }
        return isHeld ? 1_000 : checkpoints.quietPeriodMilliseconds
    }

    /// What is to be done after a commit; nil: nothing.
    func step(_ usage: SpoolUsage, workIsWaiting: Bool) -> CheckpointPolicy.Step? {
        let step = checkpoints.step(
            walBytes: usage.walBytes,
            newBytes: usage.databaseBytesInUse - bytesInUseBefore,
            mark: mark.bytes,
            workIsWaiting: workIsWaiting
        )
        return step == .moveAll && usage.walBytes < nextAttempt ? nil : step
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
            if try moveWAL(&connection) {
                nextAttempt = 0
                disk.didCheckpoint()
                bytesInUseBefore = connection.usage.databaseBytesInUse
                guard isHeld else { break }
                isHeld = false
                onEvent(.walReleased)
                return true
            }
            let walBytes = connection.usage.walBytes
            nextAttempt = walBytes + (4_000 << 10)
            if !isHeld, walBytes >= alarmBytes {
                isHeld = true
                let readers = file.fileSystem.readers(ofWALIndex: file.path + "-shm")
                onEvent(.walHeld(bytes: walBytes, readers: readers))
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
