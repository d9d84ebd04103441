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
        let notices = try SpoolError.wrapping {
            try refuseNetworkFileSystem()
            try refuseMountPoint()
            try file.checkToWrite()
            let notices = try quarantine.resume()
            try makeFile()
            try lock.holdDatabase(at: path, now)
            return notices
        }
        do {
            return try openSound(previous: lock.previous, intent: lock.intent, notices)
        } catch  where error.code == .damaged {
            let loss = try salvage(error)
            var opened = try openSound(previous: nil, intent: nil, notices)
            opened.loss = loss
            return opened
        }
    }

    /// SQLite puts `-wal` and `-shm` beside the name, so a file that is mounted has others of them at each of its places.
    private func refuseMountPoint() throws {
        guard fileSystem.isMountPoint(path) else { return }
        throw SpoolError(
            .refused,
            "\(path) is mounted by itself, without its -wal and .lock beside it; mount its directory instead"
        )
    }

    private func refuseNetworkFileSystem() throws {
        guard !configuration.allowsNetworkFileSystem, let mount = fileSystem.mount(of: path), mount.isNetwork else {
            return
        }
        throw SpoolError(
            .refused,
            """
            \(path) is on a network file system (\(mount.type)), where SQLite's locks and syncs may not hold; use a local \
            disk, or allow it if you know that they do
            """
        )
    }

    /// Creates the file ourselves, because `-wal` and `-shm` inherit its mode.
    private func makeFile() throws(FileSystemFailure) {
        if try fileSystem.status(of: path) != nil { return }
        try fileSystem.createPrivateFile(path)
        try fileSystem.syncDirectory(file.directory)
    }

    /// Where a full disk refuses also what overwrites a file, SQLite would be killed: it writes to `-shm` through memory. So its files are
    /// made before it opens the database.
    private func noticesOfFileSystem() throws(FileSystemFailure) -> [OpeningNotice] {
        guard let mount = fileSystem.mount(of: path) else { return [] }
        if mount.forgets { return [.fileSystem("\(path) is \(mount.forgetting)")] }
        guard mount.copiesOnWrite else { return [] }
        var copied = lock.database?.file.overwritesInPlace == false ? [path] : []
        if try !fileSystem.overwritesInPlace(path + "-wal", makes: true) { copied.append(path + "-wal") }
        let index = try fileSystem.holdIndex(path + "-shm")
        lock.keep(index: index)
        if index == nil, try !fileSystem.overwritesInPlace(path + "-shm", makes: false) { copied.append(path + "-shm") }
        if copied.isEmpty { return [] }
        return [.fileSystem("\(copied.joined(separator: ", ")): \(mount.copying.detail); \(mount.copying.remedy)")]
    }

    private func openSound(
        previous: OwnerNote?,
        intent: SalvageIntent?,
        _ notices: [OpeningNotice]
    ) throws(SpoolError) -> Opened {
        try SpoolError.wrapping {
            let notices = try notices + noticesOfFileSystem()
            // SQLite would remove the WAL of an empty database.
            if previous != nil, try !fileSystem.hasBytes(path), try fileSystem.hasBytes(path + "-wal") {
                throw SpoolError(.damaged, "\(path) is empty, and its WAL is not")
            }
            let database = try previous == nil ? file.connect() : file.connectDisbelievingSyncs()
            let isNew = try file.checkIdentity(of: database, hasPrevious: previous != nil)
            if isNew { try database.markAsSpool() }
            try file.configure(database)
            let loss: SpoolLoss?
            let destination: SpoolDestination?
            let isNewCopy: Bool
            do {
                if !isNew { try file.checkWAL(of: database, previous) }
                try database.migrate(now: now)
                // Its owner has found damage.
                if intent != nil, !isNew { try database.verify() }
                loss = try findLoss(in: database, isNew: isNew, previous: previous)
                destination = try database.readDestination()
                isNewCopy = try database.recognizeCopy(fileSystem.marks(of: path), now: now)
            } catch let error as SQLiteError where error.primaryCode == SQLITE_ERROR {
                // The schema's version is one of ours, so all that we ask for is there unless the schema's text is damaged.
                throw SQLiteError.corrupt(error.message, action: error.action)
            }
            // What is left of a WAL that is damaged later must not bring the old uuid back: the note would be about another spool.
            if isNewCopy { _ = try database.checkpoint() }
            let origin = try database.readOrigin()
            try file.cutWAL(behind: database)
            let released = try file.release(database, configuration)
            let connection = try SpoolConnection(database: released, configuration, clock: clock)
            return Opened(
                connection: connection,
                reader: DatabaseQueue(try file.openForReading(), label: "clickhouse-spool-reader"),
                mark: WALMark(try file.openForReading()),
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
        if let previous, previous.state != .sound { try database.verify() }
        // Also without a note: damaged counts are found here, while closing the file does not yet checkpoint its WAL.
        var ledger = try database.readLedger()
        guard let previous else { return nil }
        switch LedgerGap(ledger, isNew: isNew, behind: previous) {
        case .removed(let lost): return .nothingSalvaged("the file \(path) was removed", lost: lost)
        case .damage: throw SpoolError(.damaged, "the newest of what was committed to \(path) is not in it")
        case .newest(let lost) where lost > 0:
            // Their ids are not given again.
            ledger.lastID = previous.progress.committed
            try database.prepare("UPDATE spool SET last_id = ?1, checksum = ?2")
                .run(.integer(ledger.lastID), .integer(ledger.checksum))
            return .nothingSalvaged("the newest records were not on the disk yet when the power failed", lost: lost)
        case .newest, nil: return nil
        }
    }

    private func salvage(_ damage: SpoolError) throws(SpoolError) -> SpoolLoss {
        try SpoolError.wrapping {
            // Nothing is in an empty database, and SQLite would remove its WAL.
            if try fileSystem.hasBytes(path) { try file.refusePrograms(in: file.connect()) }
            let previous = lock.previous
            let uuid = UUID().uuidString.lowercased()
            let intent = SalvageIntent(phase: .writing, date: try quarantine.unusedDate(now), uuid: uuid)
            try quarantine.begin(intent)
            let draft = quarantine.draft(intent)
            if try !fileSystem.hasBytes(path) {
                try quarantine.setWALAside(intent)
            } else if let previous {
                let repaired = draft + "-wal.repaired"
                try WALRepair(file: file, note: previous).run(writingTo: repaired) {
                    try quarantine.replaceWAL(with: repaired, intent)
                }
            }
            try fileSystem.createPrivateFile(draft)
            let reason = damage.description
            var loss = try file.salvage(
                into: draft,
                uuid: uuid,
                reason: reason,
                previous,
                tokens: configuration.tokens,
                now: now
            )
            let hold = try DatabaseHold(draft, fileSystem)
            do {
                try quarantine.commit(intent)
            } catch {
                hold.close()
                throw error
            }
            lock.replaceDatabase(with: hold)
            loss.quarantinedFile = quarantine.damaged(intent)
            return loss
        }
    }
}

extension SpoolLoss {
    fileprivate static func nothingSalvaged(_ reason: String, lost: Int) -> SpoolLoss {
        SpoolLoss(reason: reason, quarantinedFile: nil, salvaged: 0, setAside: 0, lost: lost)
    }
}
