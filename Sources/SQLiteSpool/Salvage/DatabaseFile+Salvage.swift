extension DatabaseFile {
    /// Writes what can be read of this damaged file to a new one, synced and closed. The file stays as it is, and so does its WAL:
    /// where that has to be repaired, it is renamed to `-wal.original`.
    ///
    /// - Parameters:
    ///   - draft: the new file. There must be none.
    ///   - previous: what the file's last owner noted.
    func salvage(
        into draft: String,
        reason: String,
        _ previous: OwnerNote?,
        tokens: TokenSource = .system,
        now: WallInstant
    ) throws -> SpoolLoss {
        try repairWAL(previous)
        return try fileSystem.createSpool(draft, now: now) { (target: consuming Database) in
            let source = try connect()
            try refusePrograms(in: source)
            let missesWAL = (try? missesWAL(source, previous)) ?? false
            let salvage = Salvage(source: source, target: target, previous: previous, tokens: tokens, now: now)
            var loss = try salvage.run(reason: reason)
            if missesWAL {
                let uuid = try salvage.source.readCounts().uuid
                loss.isUncounted = previous?.uuid != uuid
                // The WAL may have said that some of them were delivered.
                let doubted = try salvage.target.readCounts().lastID
                try salvage.target.write(SpoolOrigin(copyOf: uuid, foundAt: now, doubtedThrough: doubted))
            }
            return loss
        }
    }

    func refusePrograms(in database: borrowing Database) throws(SpoolError) {
        if let table = SpoolSchema.programmedTable(in: database) {
            throw SpoolError(.refused, "\(path) was made by another program: its \(table) is no table of a spool")
        }
    }

    private func repairWAL(_ note: OwnerNote?) throws {
        let (wal, original, repaired) = (path + "-wal", path + "-wal.original", path + "-wal.repaired")
        // A salvage that was interrupted had got this far.
        if try fileSystem.status(of: original) != nil {
            try fileSystem.check(original, .writing())
            try fileSystem.rename(original, to: wal)
        }
        try fileSystem.remove(repaired)
        guard try fileSystem.hasBytes(wal) else { return }
        if try fileSystem.hasBytes(path) {
            // After a power cut without syncs frames may be missing, and what comes behind them must not be read.
            guard let note, note.durability == .powerLoss, let end = note.progress.wal,
                try WALRepair.run(wal, through: end, writingTo: repaired, fileSystem)
            else { return }
        }
        // That of an empty database goes, too: SQLite would remove it.
        try fileSystem.rename(wal, toNew: original)
        if try fileSystem.status(of: repaired) != nil { try fileSystem.rename(repaired, toNew: wal) }
        try fileSystem.remove(path + "-shm")
        try fileSystem.syncDirectory(directory)
    }
}

extension FileSystem {
    /// Makes a new file a spool. It is synced once, when it is whole and SQLite has closed it. Fails when there is a file at `path`.
    ///
    /// - Parameter fill: gives it what is to be in it.
    func createSpool<Result>(
        _ path: String,
        now: WallInstant,
        _ fill: (consuming Database) throws -> Result
    ) throws -> Result {
        func connect() throws -> Database {
            let database = try Database(path: path, access: .readWrite, vfs: vfs)
            try database.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
            return database
        }
        try createPrivateFile(path)
        let database = try connect()
        try database.markAsSpool()
        try database.migrate(now: now)
        let result = try fill(database)
        try connect().execute("PRAGMA journal_mode = WAL")
        try sync(path)
        return result
    }
}
