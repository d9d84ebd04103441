/// Reads beside the commits, over a connection of its own, and has what it finds damaged set aside or salvaged.
struct SpoolReading {
    let published: PublishedLedger
    let queue: CommitQueue
    let clock: any WallClock

    /// How the spool is now. Waits for nothing, also while the disk does not answer.
    var health: SpoolHealth { published.health.seen(busyFor: published.busyTime(clock.elapsed)) }

    /// - Throws: ``SpoolError`` with code `changed` when damaged records were found: they are dead letters then.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Database) throws(SQLiteError) -> Value
    ) async throws(SpoolError) -> Value {
        // What is read is sent, and a commit that failed may come to light later: it could have cut the very same batch.
        if let refusal = health.refusal { throw refusal }
        let openings = published.openings
        do throws(SQLiteError) {
            return try await published.reader.run(body)
        } catch {
            if !error.damagedRecords.isEmpty, await isStructureSound() {
                try await queue.change(.setAside(error.damagedRecords))
                throw SpoolError(.changed, "records were damaged on the disk; they are dead letters now", cause: error)
            }
            let error = SpoolError(error)
            if error.code == .damaged { try? await queue.report(damage: error, openings: openings) }
            throw error
        }
    }

    /// Reads in one transaction, and once more as often as there were damaged records, which are dead letters by then.
    func runSettingAside<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Database) throws(SQLiteError) -> Value
    ) async throws(SpoolError) -> Value {
        while true {
            do throws(SpoolError) {
                return try await runInTransaction(body)
            } catch  where error.code == .changed {}
        }
    }

    /// - Parameter body: reads records of the batch in one transaction, and checks that each is what was written.
    /// - Throws: ``SpoolError`` with code `changed` when the batch is not what it was.
    func run<Value: Sendable>(
        on batch: Batch,
        _ body: @escaping @Sendable (borrowing Database) throws(SQLiteError) -> Value
    ) async throws(SpoolError) -> Value {
        guard published.current(batch)?.records == batch.records else {
            throw SpoolError(
                .changed,
                "batch \(batch.token) is not what it was: records of it were damaged on the disk"
            )
        }
        return try await runInTransaction(body)
    }

    private func runInTransaction<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Database) throws(SQLiteError) -> Value
    ) async throws(SpoolError) -> Value {
        try await run { database throws(SQLiteError) in
            try database.execute("BEGIN")
            defer { database.rollBack() }
            return try body(database)
        }
    }

    /// Whether only what is in the rows is damaged. A page in the wrong place makes rows look damaged, too, and changing such a file
    /// would destroy more of it.
    private func isStructureSound() async -> Bool {
        do throws(SQLiteError) {
            try await published.reader.run { database throws(SQLiteError) in
                try database.verifyStructure(passesNulls: true)
            }
            return true
        } catch {
            return false
        }
    }
}

extension Database {
    /// - Throws: the ids of the batch's records that are not what was written, if there are any.
    borrowing func checkRecords(of batch: Batch) throws(SQLiteError) {
        let damaged = try damagedRecords(in: batch.ids)
        if !damaged.isEmpty { throw SQLiteError.damaged(damaged) }
    }
}
