internal import CSQLite
internal import Glibc

/// The database file of a spool: where it is, and the connections to it.
struct DatabaseFile {
    /// Absolute, its directory without symbolic links, which `SQLITE_OPEN_NOFOLLOW` would refuse.
    let path: String
    let fileSystem: any FileSystem
    /// The file system that it is on; nil where that is not known.
    let mount: Mount?

    init(path: String, _ fileSystem: any FileSystem = .system) throws(SpoolError) {
        self.fileSystem = fileSystem
        self.path = try absolutePath(ofFile: path)
        mount = fileSystem.mount(of: self.path)
    }

    var directory: String { SQLiteSpool.directory(ofFile: path) }

    /// Opens the file once more after a failure and looks at all of it.
    func reopen(_ configuration: SpoolConfiguration) throws(SpoolError) -> Database {
        try SpoolError.wrapping {
            try checkToWrite()
            let database = try connectDisbelievingSyncs(configuration)
            _ = try checkIdentity(of: database, hasPrevious: true)
            try configure(database)
            try database.verify()
            return try release(database, configuration)
        }
    }

    /// Opens an existing spool without changing anything, whoever owns it.
    func openForReading() throws(SpoolError) -> Database {
        try SpoolError.wrapping {
            try checkToRead()
            do {
                let database = try connectToRead()
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

    /// For the file's owner, who has looked at it.
    func openForOwnReading() throws(SQLiteError) -> Database {
        let database = try connectToRead()
        // All descriptors are opened now: later there may be none.
        _ = try database.integer("PRAGMA schema_version")
        return database
    }

    private func connectToRead() throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readOnly, vfs: fileSystem.vfs)
        database.setBusyTimeout(milliseconds: 5_000)
        try database.distrust()
        try database.boundReading()
        return database
    }

    // MARK: The steps of opening it to write

    /// Refuses what is not ours to write. Call it before SQLite opens the files.
    func checkToWrite() throws {
        for suffix in [""] + SpoolFileNames.ofSQLite {
            try fileSystem.check(path + suffix, .writing(isSpool: suffix.isEmpty))
        }
    }

    /// Makes the files of its WAL, before SQLite opens the database. SQLite writes to `-shm` through memory, and would be killed where a
    /// full disk has no room for that: for a block that has no place yet, or, with copying on write, for any.
    ///
    /// - Returns: the paths of those that are copied on write.
    func makeFilesOfWAL(_ hold: DatabaseHold) throws(FileSystemFailure) -> [String] {
        let (wal, shm) = (path + "-wal", path + "-shm")
        let copiesOnWrite = mount?.copiesOnWrite == true
        var copied: [String] = []
        if copiesOnWrite, try !fileSystem.overwritesInPlace(wal, makes: true) { copied.append(wal) }
        let walBytes = try fileSystem.status(of: wal)?.bytes ?? 0
        let header = try walBytes == 0 ? [] : fileSystem.read(wal, from: 0, count: WALRepair.headerLength)
        // Two descriptors of ours would keep each other from the lock.
        hold.keep(index: nil)
        let index = try fileSystem.openIndex(shm, copiesOnWrite: copiesOnWrite)
        hold.keep(index: index)
        try hold.reserveIndex(ofFrames: walBytes / WALRepair.pageBytes(of: header))
        if copiesOnWrite, !index.overwritesInPlace { copied.append(shm) }
        return copied
    }

    /// Connects to files of an owner that died, or whose disk failed: what a failed sync left off the disk may still be
    /// readable, and no later sync writes it.
    ///
    /// All that the database may miss is in the WAL, which begins anew only once the database is synced. So the WAL is
    /// written again and synced, as what is written behind it would be lost with it, and the next checkpoints write all of
    /// it into the database again.
    func connectDisbelievingSyncs(_ configuration: SpoolConfiguration) throws -> Database {
        guard try fileSystem.hasBytes(path + "-wal") else { return try connect() }
        try fileSystem.rewrite(path + "-wal")
        let database = try connect()
        try database.forgetCheckpoints(waiting: configuration.reopenMilliseconds)
        return database
    }

    func connect() throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readWrite, vfs: fileSystem.vfs)
        database.setBusyTimeout(milliseconds: 5_000)
        try database.distrust()
        // Until the file is known to be ours and sound, closing it must not checkpoint its WAL.
        try database.configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        return database
    }

    /// - Parameter hasPrevious: whether a spool was here before.
    /// - Returns: whether the file is empty and becomes a spool now.
    func checkIdentity(of database: borrowing Database, hasPrevious: Bool) throws -> Bool {
        try SpoolIdentity(path: path, hadSpool: hasPrevious, hasBytes: fileSystem.hasBytes(path)).check(database)
    }

    /// Autocheckpointing is off already: `Database` put its own hook in the place of SQLite's.
    /// What opening changes is synced, at any durability, when it is moved into the database: before anything is accepted.
    func configure(_ database: borrowing Database) throws {
        guard try database.text("PRAGMA journal_mode = WAL") == "wal" else {
            throw SpoolError(.refused, "the file system of \(path) does not support SQLite's write-ahead log")
        }
        try database.execute(
            """
            PRAGMA synchronous = NORMAL;
            PRAGMA secure_delete = FAST;
            PRAGMA cell_size_check = ON;
            PRAGMA mmap_size = 0;
            PRAGMA journal_size_limit = \(Self.walBytesKept);
            """
        )
    }

    /// The file is ours and sound.
    func release(_ database: consuming Database, _ configuration: SpoolConfiguration) throws(SQLiteError) -> Database {
        if configuration.durability == .powerLoss { try database.execute("PRAGMA synchronous = FULL") }
        try database.configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
        return database
    }

    /// Writes zeros over what is behind the WAL's last commit: frames of commits that failed, and of before the WAL began anew. Should a
    /// frame before them be damaged later, they could be taken for commits. Cutting the file would give up its place on the disk, and a
    /// full one does not give it back.
    func clearWAL(behind database: borrowing Database) throws {
        let wal = path + "-wal"
        guard var offset = try database.walEnd()?.bytes, let end = try fileSystem.status(of: wal)?.bytes else { return }
        while offset < end {
            let piece = [UInt8](repeating: 0, count: min(1 << 20, end - offset))
            try fileSystem.write(piece, to: wal, at: offset)
            offset += piece.count
        }
    }

    /// What stays of the WAL file when it starts anew after a checkpoint.
    private static let walBytesKept = 16 << 20

    // MARK: Reading

    /// What the owner has left beside it; nil when that is nothing, or a lock that is not a file of the owner's.
    func readNote() -> OwnerNote? { readLock().flatMap { OwnerNote($0) } }

    func readLock() -> String? {
        guard let status = try? fileSystem.status(of: path) else { return nil }
        return try? fileSystem.readNote(ofSpool: path, status)?.text
    }

    /// Refuses what must not be opened even to read it.
    private func checkToRead() throws {
        guard let status = try fileSystem.status(of: path) else {
            throw SpoolError(.refused, "there is no file \(path)" + hintOfSalvage)
        }
        try fileSystem.check(path, .reading)
        if unsafe faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0, errno == EACCES {
            throw SpoolError(
                .refused,
                """
                \(path) belongs to user \(status.owner), and this process, which runs as user \(geteuid()), may not read it; run this as \
                that user, for example with: sudo -u '#\(status.owner)'
                """
            )
        }
        for suffix in SpoolFileNames.ofSQLite { try fileSystem.check(path + suffix, .reading(beside: status)) }
    }

    /// A dead owner may have stopped between taking the damaged file away and putting the fresh one in its place.
    private var hintOfSalvage: String {
        let lock = try? fileSystem.openLockFileToRead(path + ".lock")
        defer { lock?.close() }
        guard let lock, let intent = SalvageIntent(lock.readText()),
            (try? fileSystem.status(of: intent.damaged(of: path))) != nil
        else { return "" }
        return "; its salvage was interrupted: start its writer, which finishes that"
    }
}

extension FileSystem {
    func hasBytes(_ path: String) throws(FileSystemFailure) -> Bool {
        try status(of: path)?.bytes ?? 0 > 0
    }
}
