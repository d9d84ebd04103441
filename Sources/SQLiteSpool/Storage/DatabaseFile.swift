internal import CSQLite
internal import Foundation
internal import Glibc
internal import Migrations

/// The database file: where it is, whether it may be used, and how it is opened.
struct DatabaseFile {
    /// "CHSP": marks a SQLite file as a spool, also for `file(1)`.
    static let applicationID: Int64 = 0x4348_5350

    /// Absolute, its directory without symbolic links, which `SQLITE_OPEN_NOFOLLOW` would refuse.
    let path: String
    private let directory: String
    private let fileSystem: any FileSystem

    init(path: String, _ fileSystem: any FileSystem = .system) throws(SpoolError) {
        self.fileSystem = fileSystem
        self.path = try absolutePath(ofFile: path)
        directory = SQLiteSpool.directory(ofFile: self.path)
    }

    /// Opens the file, creating it when it is absent, and brings its schema up to date. A damaged one is set aside, and
    /// what can be read of it is in the one that is opened. Call it with the lock held.
    ///
    /// - Parameters:
    ///   - lock: the owner's, with what the one before left.
    ///   - findings: set to what is found.
    func open(
        _ configuration: SpoolConfiguration,
        lock: SpoolLock,
        now: WallInstant,
        findings: inout OpeningFindings
    ) throws(SpoolError) -> Database {
        let quarantine = Quarantine(path: path, fileSystem: fileSystem, lock: lock)
        try prepareDirectory(configuration)
        try checkFiles()
        findings.notices = try SpoolError.wrapping { try quarantine.resume() }
        try makeFile()
        do {
            return try openSound(configuration, previous: lock.previous, intent: lock.intent, now: now, &findings)
        } catch  where error.code == .damaged {
            let loss = try salvage(error, configuration, quarantine, now: now)
            defer { findings.loss = loss }
            return try openSound(configuration, previous: nil, intent: nil, now: now, &findings)
        }
    }

    /// Opens the file once more after a failure and looks at all of it.
    func reopen(_ configuration: SpoolConfiguration) throws(SpoolError) -> Database {
        try checkFiles()
        return try SpoolError.wrapping {
            if try fileSystem.hasBytes(path + "-wal") { try fileSystem.rewrite(path + "-wal") }
            let database = try connect()
            _ = try checkIdentity(of: database, hasPrevious: true)
            try configure(database)
            try database.verify()
            return try release(database, configuration)
        }
    }

    /// Opens an existing spool without changing anything, whoever owns it.
    func openForReading() throws(SpoolError) -> Database {
        try SpoolError.wrapping {
            try checkFilesToRead()
            do {
                let database = try Database(path: path, access: .readOnly, vfs: fileSystem.vfs)
                database.setBusyTimeout(milliseconds: 5_000)
                try database.distrust()
                try database.boundReading()
                if try checkIdentity(of: database, hasPrevious: false) {
                    throw SpoolError(.refused, "\(path) is empty, not a spool")
                }
                database.boundStatements()
                return database
            } catch let error as SQLiteError where !error.isDamage && !error.isInterruption {
                throw SpoolError(
                    .failed,
                    "cannot read \(path); reading needs its -wal and -shm files, or the right to make them",
                    cause: error
                )
            }
        }
    }

    /// The processes that keep a read transaction open, as far as the system tells.
    func readersOfWAL() -> [Int32] {
        fileSystem.readers(ofWALIndex: path + "-shm")
    }

    // MARK: What may be used

    private func prepareDirectory(_ configuration: SpoolConfiguration) throws(SpoolError) {
        try SpoolError.wrapping {
            if !configuration.allowsNetworkFileSystem, let type = try? fileSystem.networkFileSystem(at: directory) {
                throw SpoolError(
                    .refused,
                    """
                    \(path) is on a network file system (\(type)), where SQLite's locks and syncs may not hold; use a local \
                    disk, or allow it if you know that they do
                    """
                )
            }
        }
    }

    /// Refuses what is not ours to write. Call it before SQLite opens the files.
    private func checkFiles() throws(SpoolError) {
        try SpoolError.wrapping {
            for suffix in [""] + SpoolFileNames.ofSQLite {
                try fileSystem.check(path + suffix, .writing(isSpool: suffix.isEmpty))
            }
        }
    }

    /// Refuses what must not be opened even to read it.
    private func checkFilesToRead() throws {
        guard let status = try fileSystem.status(of: path) else {
            throw SpoolError(.refused, "there is no file \(path)" + hintOfSalvage)
        }
        try fileSystem.check(path, .reading)
        for suffix in SpoolFileNames.ofSQLite { try fileSystem.check(path + suffix, .reading(beside: status)) }
    }

    /// A dead owner may have stopped between taking the damaged file away and putting the fresh one in its place.
    private var hintOfSalvage: String {
        let lock = try? fileSystem.openLockFileToRead(path + ".lock")
        guard let lock, SalvageIntent(lock.readText())?.phase == .ready else { return "" }
        return "; its salvage was interrupted: start its writer, which finishes that"
    }

    /// Creates the file ourselves, because `-wal` and `-shm` inherit its mode.
    private func makeFile() throws(SpoolError) {
        try SpoolError.wrapping {
            if try fileSystem.status(of: path) == nil {
                try fileSystem.createPrivateFile(path)
                try fileSystem.syncDirectory(directory)
            }
        }
    }

    // MARK: Opening

    private func connect() throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readWrite, vfs: fileSystem.vfs)
        database.setBusyTimeout(milliseconds: 5_000)
        try database.distrust()
        // Until the file is known to be ours and sound, closing it must not checkpoint its WAL.
        try database.configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        return database
    }

    private func openSound(
        _ configuration: SpoolConfiguration,
        previous: OwnerNote?,
        intent: SalvageIntent?,
        now: WallInstant,
        _ findings: inout OpeningFindings
    ) throws(SpoolError) -> Database {
        try SpoolError.wrapping {
            // SQLite would remove the WAL of an empty database.
            if previous != nil, try !fileSystem.hasBytes(path), try fileSystem.hasBytes(path + "-wal") {
                throw SpoolError(.damaged, "\(path) is empty, and its WAL is not")
            }
            // A WAL is left by an owner that died, or whose disk failed: then it may be readable without being on the disk,
            // and what is written behind it would be lost with it.
            if previous != nil, try fileSystem.hasBytes(path + "-wal") { try fileSystem.rewrite(path + "-wal") }
            let database = try connect()
            let isNew = try checkIdentity(of: database, hasPrevious: previous != nil)
            if isNew { try mark(database) }
            try configure(database)
            do {
                try migrate(database, now: now)
                // Its owner has found damage, and may have repaired the WAL before it died.
                if intent != nil, !isNew { try database.verify() }
                findings.loss = try findLoss(in: database, isNew: isNew, previous: previous)
                findings.destination = try database.readDestination()
            } catch let error as SQLiteError where error.primaryCode == SQLITE_ERROR {
                // The schema's version is one of ours, so all that we ask for is there unless the schema's text is damaged.
                throw SQLiteError.corrupt(error.message, action: error.action)
            }
            return try release(database, configuration)
        }
    }

    /// - Parameter hasPrevious: whether a spool was here before.
    /// - Returns: whether the file is empty and becomes a spool now.
    private func checkIdentity(of database: borrowing Database, hasPrevious: Bool) throws -> Bool {
        // Reading a schema that somebody has made for it may never end.
        database.setDeadline(in: .longestQuery)
        defer { database.setDeadline(in: nil) }
        do {
            let applicationID = try database.integer("PRAGMA application_id")
            let version = try database.integer("PRAGMA user_version") ?? 0
            let isEmpty = try database.integer("SELECT count(*) FROM sqlite_schema") == 0
            if version == 0, isEmpty, applicationID == 0 || applicationID == Self.applicationID {
                // Where a spool was, nothing of it may be written over.
                if hasPrevious, try fileSystem.hasBytes(path) {
                    throw SpoolError(.damaged, "\(path) was a spool, and holds nothing that can be read as one")
                }
                return applicationID == 0
            }
            guard applicationID == Self.applicationID else {
                if hasPrevious, try database.integer(Self.countOfOurTables) == 3 {
                    throw SpoolError(.damaged, "\(path) has another application's id, and the tables of a spool")
                }
                throw SpoolError(.refused, "\(path) is a database of another application; it was left as it is")
            }
            let newest = Migration.spool.last?.number ?? 0
            guard version <= newest else {
                throw SpoolError(
                    .refused,
                    "\(path) has schema version \(version), this program knows \(newest); use a newer program"
                )
            }
            switch try SpoolSchema.difference(in: database, version: version) {
            case nil: return false
            case .changed(let difference):
                throw SpoolError(.damaged, "\(path) is not what a spool of version \(version) is: \(difference)")
            case .foreign(let difference):
                throw SpoolError(
                    .refused,
                    """
                    \(path) is not a spool as this program makes it: \(difference); it was left as it is. If it is yours, \
                    drop what you have added to it
                    """
                )
            }
        } catch let error as SQLiteError where error.primaryCode == SQLITE_NOTADB && !hasPrevious {
            throw SpoolError(.refused, "\(path) is not a SQLite database; it was left as it is", cause: error)
        }
    }

    private static let countOfOurTables =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('records', 'batches', 'dead_letters')"

    /// Makes an empty file a spool's. The size of a page and auto-vacuum can only be chosen before the first is written.
    private func mark(_ database: borrowing Database) throws {
        try database.execute("PRAGMA page_size = \(SpoolUsage.defaultPageBytes)")
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try database.execute("PRAGMA application_id = \(Self.applicationID)")
    }

    /// Autocheckpointing is off already: `Database` put its own hook in the place of SQLite's.
    /// Whatever opening changes is synced, at any durability.
    private func configure(_ database: borrowing Database) throws {
        guard try database.text("PRAGMA journal_mode = WAL") == "wal" else {
            throw SpoolError(.refused, "the file system of \(path) does not support SQLite's write-ahead log")
        }
        try database.execute(
            """
            PRAGMA synchronous = FULL;
            PRAGMA secure_delete = FAST;
            PRAGMA cell_size_check = ON;
            PRAGMA mmap_size = 0;
            PRAGMA journal_size_limit = \(Self.walBytesKept);
            """
        )
    }

    /// The file is ours and sound.
    private func release(
        _ database: consuming Database,
        _ configuration: SpoolConfiguration
    ) throws -> Database {
        if configuration.durability == .processCrash { try database.execute("PRAGMA synchronous = NORMAL") }
        try database.configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
        return database
    }

    /// What stays of the WAL file when it starts anew after a checkpoint.
    private static let walBytesKept = 16 << 20

    /// - Parameter uuid: of a spool that is made by it; nil draws one.
    private func migrate(_ database: borrowing Database, now: WallInstant, uuid: String? = nil) throws {
        let version = try database.integer("PRAGMA user_version") ?? 0
        let missing = Migration.spool.filter { $0.number > version }
        guard let newest = missing.last?.number else { return }
        do {
            try database.execute("BEGIN IMMEDIATE")
            for migration in missing {
                try database.execute(migration.sql)
                if migration.number == 1 { try insertIdentity(database, now, uuid ?? Self.newUUID()) }
            }
            try database.execute(Migration.spoolViews)
            try database.execute("PRAGMA user_version = \(newest)")
            try database.execute("COMMIT")
        } catch {
            database.rollBack()
            throw error
        }
    }

    private func insertIdentity(_ database: borrowing Database, _ now: WallInstant, _ uuid: String) throws {
        try database.prepare("INSERT INTO spool VALUES (1, ?1, ?2, 0, 0, 0, 0)")
            .run(.text(uuid), .integer(now.milliseconds))
    }

    private static func newUUID() -> String { UUID().uuidString.lowercased() }

    // MARK: Damage

    /// Compares the file with what its last owner noted.
    ///
    /// - Throws: ``SpoolError`` with code `damaged` when it lost what a disk that keeps its promises cannot have lost.
    private func findLoss(
        in database: borrowing Database,
        isNew: Bool,
        previous: OwnerNote?
    ) throws -> SpoolLoss? {
        guard let previous else { return nil }
        if previous.state != .sound { try database.verify() }
        var ledger = try database.readLedger()
        if isNew {
            let lost = Int(previous.progress.committed - previous.progress.delivered)
            return lost > 0 ? .nothingSalvaged("the file \(path) was removed", lost: lost) : nil
        }
        guard previous.uuid == ledger.uuid, ledger.progress.isBehind(previous.progress) else { return nil }
        guard previous.durability == .processCrash else {
            throw SpoolError(.damaged, "the newest of what was committed to \(path) is not in it")
        }
        let lost = Int(previous.progress.committed - ledger.lastID)
        guard lost > 0 else { return nil }
        // As the durability allows. Their ids are not given again.
        ledger.lastID = previous.progress.committed
        try database.prepare("UPDATE spool SET last_id = ?1, checksum = ?2")
            .run(.integer(ledger.lastID), .integer(ledger.checksum))
        return .nothingSalvaged("the newest records were not on the disk yet when the power failed", lost: lost)
    }

    private func salvage(
        _ damage: SpoolError,
        _ configuration: SpoolConfiguration,
        _ quarantine: Quarantine,
        now: WallInstant
    ) throws(SpoolError) -> SpoolLoss {
        try SpoolError.wrapping {
            // Nothing is in an empty database, and SQLite would remove its WAL.
            if try fileSystem.hasBytes(path) { try refusePrograms(in: connect()) }
            let previous = quarantine.lock.previous
            let intent = SalvageIntent(phase: .writing, date: try unusedDate(now), uuid: Self.newUUID())
            try quarantine.begin(intent)
            // SQLite cannot read on behind a damaged frame of the WAL. After a power cut frames may be missing, and what
            // comes behind them must not be read; but then this durability promises that nothing needs it.
            if try fileSystem.hasBytes(path + "-wal") {
                let wal = try fileSystem.read(path + "-wal")
                try quarantine.keepWAL(wal, intent)
                if previous?.durability == .powerLoss, let repair = WALRepair(wal) {
                    try quarantine.replaceWAL(with: repair.bytes, intent)
                }
            }
            let draft = quarantine.draft(intent)
            try fileSystem.createPrivateFile(draft)
            var loss = try salvage(into: draft, uuid: intent.uuid, reason: damage.description, previous, now: now)
            try quarantine.commit(intent)
            loss.quarantinedFile = quarantine.damaged(intent)
            return loss
        }
    }

    /// Makes an empty file a spool that holds what can be read of this one, and closes it.
    ///
    /// - Parameter uuid: the new spool's; nil draws one.
    func salvage(
        into draft: String,
        uuid: String? = nil,
        reason: String,
        _ previous: OwnerNote?,
        now: WallInstant
    ) throws -> SpoolLoss {
        let source = try connect()
        try refusePrograms(in: source)
        let target = try Database(path: draft, access: .readWrite, vfs: fileSystem.vfs)
        try mark(target)
        try target.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL")
        try migrate(target, now: now, uuid: uuid)
        return try Salvage(from: source, into: target, previous: previous, now: now).run(reason: reason)
    }

    private func refusePrograms(in database: borrowing Database) throws(SpoolError) {
        if let table = SpoolSchema.programmedTable(in: database) {
            throw SpoolError(.refused, "\(path) was made by another program: its \(table) is no table of a spool")
        }
    }

    /// Looks at all of the file, whether it is a spool, sound, and as new as its owner noted.
    ///
    /// - Throws: ``SpoolError`` with code `damaged` when it is a spool and not sound.
    func verify(previous: OwnerNote?) throws(SpoolError) {
        try SpoolError.wrapping {
            let database = try connect()
            _ = try checkIdentity(of: database, hasPrevious: previous != nil)
            guard try database.integer("PRAGMA user_version") == Migration.spool.last.map({ Int64($0.number) }) else {
                // The rest is looked at in the form that a migration gives it.
                return try database.verifyStructure()
            }
            try database.verify()
            let ledger = try database.readLedger()
            if let previous, previous.uuid == ledger.uuid, ledger.progress.isBehind(previous.progress) {
                throw SpoolError(.damaged, "the newest of what was committed is not in it")
            }
        }
    }

    /// The time as a name, and a later one when something was set aside in the same second.
    private func unusedDate(_ now: WallInstant) throws -> String {
        let names = try fileSystem.names(in: directory)
        var seconds = now.milliseconds / 1_000
        while true {
            let date = Date(timeIntervalSince1970: Double(seconds))
            let text = date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
            if !names.contains(where: { $0.contains(text) }) { return text }
            seconds += 1
        }
    }
}

/// What an owner finds when it opens a spool.
struct OpeningFindings {
    /// What the spool is found to have lost.
    var loss: SpoolLoss?
    /// Where its records go, as far as it says.
    var destination: SpoolDestination?
    var notices: [OpeningNotice] = []
}

extension SpoolLoss {
    fileprivate static func nothingSalvaged(_ reason: String, lost: Int) -> SpoolLoss {
        SpoolLoss(reason: reason, quarantinedFile: nil, salvaged: 0, setAside: 0, lost: lost)
    }
}

extension FileSystem {
    fileprivate func hasBytes(_ path: String) throws(FileSystemFailure) -> Bool {
        try status(of: path)?.bytes ?? 0 > 0
    }
}
