internal import CSQLite
internal import Foundation

/// A spool as its owner finds it.
struct Opened: ~Copyable {
    let connection: SpoolConnection
    /// A connection of its own, so that reading never waits for a commit nor a commit for reading.
    let reader: DatabaseQueue
    let mark: WALMark
    /// What the spool is found to have lost; nil when nothing.
    var loss: SpoolLoss?
    /// Where its records go, as far as it says.
    let destination: SpoolDestination?
    /// Where the file was copied from; nil when it is no copy.
    let origin: SpoolOrigin?
    /// Whether no owner has known yet that it is one.
    let isNewCopy: Bool
    /// What was found beside it.
    let notices: [OpeningNotice]
}

/// How an owner opens its spool, creating it when it is absent. A damaged one is set aside, and what can be read of it is
/// in the one that is opened.
struct SpoolOpening {
    let file: DatabaseFile
    let configuration: SpoolConfiguration
    /// The owner's, held, with what the one before left.
    let lock: SpoolLock
    let clock: any WallClock

    private var now: WallInstant { clock.now }
    private var path: String { file.path }
    private var fileSystem: any FileSystem { file.fileSystem }
    private var quarantine: Quarantine { Quarantine(path: path, fileSystem: fileSystem, lock: lock) }

    func run() throws(SpoolError) -> Opened {
        do throws(SpoolError) {
            return try open()
        } catch {
            // SQLite has closed the file by now.
            lock.release()
            throw error
        }
    }

    /// The lock stays held, whatever comes of it.
    func open() throws(SpoolError) -> Opened {
        var loss: SpoolLoss?
        var isNew = false
        let notices = try SpoolError.wrapping {
            try refuseNetworkFileSystem()
            try refuseMountPoint()
            try file.checkToWrite()
            let (notices, interrupted) = try quarantine.resume()
            if let interrupted {
                loss = try salvage("an owner has set it aside, and was stopped while it salvaged it", interrupted)
            } else {
                isNew = try makeFile()
                try lock.holdDatabase(file, now)
            }
            return notices
        }
        if loss == nil {
            do {
                return try openSound(isNew: isNew, previous: lock.previous, notices, nil)
            } catch  where error.code == .damaged {
                loss = try SpoolError.wrapping { try salvage(error.description) }
            }
        }
        return try openSound(isNew: false, previous: nil, notices, loss)
    }

    /// SQLite puts `-wal` and `-shm` beside the name, so a file that is mounted has others of them at each of its places.
    private func refuseMountPoint() throws {
        guard file.mount?.path == path else { return }
        throw SpoolError(
            .refused,
            "\(path) is mounted by itself, without its -wal and .lock beside it; mount its directory instead"
        )
    }

    private func refuseNetworkFileSystem() throws {
        guard !configuration.allowsNetworkFileSystem, let mount = file.mount, mount.isNetwork else { return }
        throw SpoolError(
            .refused,
            """
            \(path) is on a network file system (\(mount.type)), where SQLite's locks and syncs may not hold; use a local \
            disk, or allow it if you know that they do
            """
        )
    }

    /// Before anything in the file is changed.
    private func refuseOtherDestination(of database: borrowing Database) throws {
        guard let wanted = configuration.destination, let recorded = try database.readDestination() else { return }
        let names = [recorded, wanted].map { "\($0.database).\($0.table)" }
        if names[0] == names[1] { return }
        let undelivered = try database.integer("SELECT count(*) FROM records") ?? 0
        if undelivered == 0 { return }
        throw SpoolError(
            .refused,
            """
            \(path) has records for \(names[0]) (\(undelivered)), not for \(names[1]); deliver them first (spoolctl drain), or let \
            them go to \(names[1]) with CLICKHOUSE_REDIRECTS=true, which stores again what \(names[0]) has already
            """
        )
    }

    /// Makes a new spool where there is none.
    ///
    /// - Returns: whether there was none.
    private func makeFile() throws -> Bool {
        if try fileSystem.hasBytes(path) { return false }
        // What is in it was committed, as far as the note tells.
        if lock.previous != nil, try fileSystem.hasBytes(path + "-wal") {
            if try fileSystem.status(of: path) == nil { try fileSystem.createPrivateFile(path) }
            return false
        }
        let intent = SalvageIntent(date: try quarantine.unusedDate(now))
        try lock.record(intent, isSynced: false)
        try fileSystem.createSpool(intent.draft(of: path), now: now) { (_: consuming Database) in }
        try quarantine.place(intent)
        return true
    }

    private func makeFilesOfWAL() throws(FileSystemFailure) -> [OpeningNotice] {
        guard let hold = lock.database else { return [] }
        let copied = try file.makeFilesOfWAL(hold)
        guard let mount = file.mount else { return [] }
        if mount.forgets { return [.fileSystem("\(path) is \(mount.forgetting)")] }
        let isCopied = mount.copiesOnWrite && !hold.file.overwritesInPlace
        let names = ((isCopied ? [path] : []) + copied).joined(separator: ", ")
        return names.isEmpty ? [] : [.fileSystem("\(names): \(mount.copying.detail); \(mount.copying.remedy)")]
    }

    private func openSound(
        isNew: Bool,
        previous: OwnerNote?,
        _ notices: [OpeningNotice],
        _ loss: SpoolLoss?
    ) throws(SpoolError) -> Opened {
        try SpoolError.wrapping {
            let notices = try notices + makeFilesOfWAL()
            // SQLite would remove the WAL of an empty database.
            if try !fileSystem.hasBytes(path), try fileSystem.hasBytes(path + "-wal") {
                throw SpoolError(.damaged, "\(path) is empty, and its WAL is not")
            }
            let database = try previous == nil ? file.connect() : file.connectDisbelievingSyncs(configuration)
            if try file.checkIdentity(of: database, hasPrevious: previous != nil) { try database.markAsSpool() }
            try file.configure(database)
            var loss = loss
            let destination: SpoolDestination?
            let isNewCopy: Bool
            do {
                if !isNew {
                    try file.checkWAL(of: database, previous)
                    try refuseOtherDestination(of: database)
                }
                try database.migrate(now: now)
                // Its owner has found damage, or had begun another file for its place.
                if !isNew, lock.intent != nil || previous.map({ $0.state != .sound }) ?? false { try database.verify() }
                loss = try findLoss(in: database, isNew: isNew, previous: previous) ?? loss
                destination = try database.readDestination()
                isNewCopy = try database.recognizeCopy(fileSystem.marks(of: path), now: now)
            } catch let error as SQLiteError where error.primaryCode == SQLITE_ERROR {
                // The schema's version is one of ours, so all that we ask for is there unless the schema's text is damaged.
                throw SQLiteError.corrupt(error.message, action: error.action)
            }
            // What is left of a WAL that is damaged later must not bring the old uuid back: the note would be about another spool.
            if isNewCopy { _ = try database.checkpoint() }
            let origin = try database.readOrigin()
            try file.clearWAL(behind: database)
            let released = try file.release(database, configuration)
            let connection = try SpoolConnection(database: released, configuration, clock: clock)
            return Opened(
                connection: connection,
                reader: DatabaseQueue(try file.openForOwnReading(), label: "clickhouse-spool-reader"),
                mark: WALMark(try file.openForOwnReading()),
                loss: loss,
                destination: destination,
                origin: origin,
                isNewCopy: isNewCopy,
                notices: notices
            )
        }
    }

    /// Compares the file with what its last owner noted.
    ///
    /// - Throws: ``SpoolError`` with code `damaged` when it lost what a disk that keeps its promises cannot have lost.
    private func findLoss(in database: borrowing Database, isNew: Bool, previous: OwnerNote?) throws -> SpoolLoss? {
        // Also without a note: damaged counts are found here, while closing the file does not yet checkpoint its WAL.
        var ledger = try database.readLedger()
        guard let previous else { return nil }
        let lost: Int
        if isNew {
            lost = Int(previous.progress.committed - previous.progress.delivered)
        } else if !previous.isAhead(of: ledger) {
            return nil
        } else if previous.durability == .powerLoss {
            throw SpoolError(.damaged, "the newest of what was committed to \(path) is not in it")
        } else {
            lost = Int(previous.progress.committed - ledger.lastID)
        }
        if lost <= 0 { return nil }
        let reason = "the newest records were not on the disk yet when the power failed"
        let loss = SpoolLoss(
            reason: isNew ? "the file \(path) was removed" : reason,
            salvaged: 0,
            setAside: 0,
            lost: lost
        )
        if isNew { return loss }
        // Their ids are not given again.
        ledger.lastID = previous.progress.committed
        try database.prepare("UPDATE spool SET last_id = ?1, checksum = ?2")
            .run(.integer(ledger.lastID), .integer(ledger.checksum))
        return loss
    }

    /// - Parameter interrupted: what a dead owner has set aside already; nil sets aside the file that is in its place.
    private func salvage(_ reason: String, _ interrupted: SalvageIntent? = nil) throws -> SpoolLoss {
        if interrupted == nil, try fileSystem.hasBytes(path) { try file.refusePrograms(in: file.connect()) }
        let intent = SalvageIntent(date: try interrupted?.date ?? quarantine.unusedDate(now))
        try lock.record(intent)
        try quarantine.setAside(intent)
        let damaged = try DatabaseFile(path: intent.damaged(of: path), fileSystem)
        try damaged.checkToWrite()
        try lock.holdDatabase(damaged, now)
        let draft = intent.draft(of: path)
        let previous = lock.previous
        var loss = try damaged.salvage(into: draft, reason: reason, previous, tokens: configuration.tokens, now: now)
        try fileSystem.remove(damaged.path + "-shm")
        let hold = try DatabaseHold(draft, on: file.mount, fileSystem)
        do {
            try quarantine.place(intent)
        } catch {
            hold.close()
            throw error
        }
        lock.replaceDatabase(with: hold)
        try? lock.record(nil)
        loss.quarantinedFile = damaged.path
        return loss
    }
}
