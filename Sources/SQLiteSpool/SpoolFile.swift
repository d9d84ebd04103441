internal import CSQLite
internal import Foundation
internal import Glibc
internal import Migrations

/// The database file: where it is, whether it may be used, and how it is opened.
struct SpoolFile {
    /// "CHSP": marks a SQLite file as a spool, also for `file(1)`.
    static let applicationID: Int64 = 0x4348_5350

    /// Absolute, its directory without symbolic links, which `SQLITE_OPEN_NOFOLLOW` would refuse.
    let path: String
    private let directory: String
    private let fileSystem: any FileSystem

    init(path: String, _ fileSystem: any FileSystem = .system) throws(SpoolError) {
        self.fileSystem = fileSystem
        self.path = try absolutePath(ofFile: path)
        directory = URL(filePath: self.path).deletingLastPathComponent().path(percentEncoded: false)
    }

    /// Opens the file, creating it when it is absent, and brings its schema up to date. Call it with the lock held.
    func open(_ configuration: SpoolConfiguration, now: WallInstant) throws(SpoolError) -> Database {
        try prepareFile()
        return try SpoolError.wrapping {
            let database = try Database(path: path, access: .readWrite, vfs: fileSystem.vfs)
            database.setBusyTimeout(milliseconds: 5_000)
            // Until the file is known to be ours, closing it must not checkpoint somebody else's WAL.
            try database.configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            let isNew = try checkIdentity(of: database)
            try database.configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
            if isNew { try mark(database) }
            try configure(database, configuration)
            try migrate(database, now: now)
            return database
        }
    }

    /// Opens an existing spool without changing anything, whoever owns it.
    func openForReading() throws(SpoolError) -> Database {
        try SpoolError.wrapping {
            guard let status = try fileSystem.status(of: path) else {
                throw SpoolError(.refused, "there is no file \(path)")
            }
            // Opening anything else could wait for ever, or do worse.
            guard status.isRegularFile else { throw SpoolError(.refused, "\(path) is not a regular file") }
            do {
                let database = try Database(path: path, access: .readOnly, vfs: fileSystem.vfs)
                database.setBusyTimeout(milliseconds: 5_000)
                if try checkIdentity(of: database) { throw SpoolError(.refused, "\(path) is empty, not a spool") }
                return database
            } catch let error as SQLiteError {
                throw SpoolError(
                    .failed,
                    "cannot read \(path); reading needs its -wal and -shm files, or the right to make them",
                    cause: error
                )
            }
        }
    }

    /// Creates the file ourselves, because `-wal` and `-shm` inherit its mode, and refuses what others could write to.
    private func prepareFile() throws(SpoolError) {
        try SpoolError.wrapping {
            guard let status = try fileSystem.status(of: path) else {
                try fileSystem.createPrivateFile(path)
                return try fileSystem.syncDirectory(directory)
            }
            if let reason = reasonToRefuse(status) { throw SpoolError(.refused, "\(path) \(reason)") }
        }
    }

    private func reasonToRefuse(_ status: FileStatus) -> String? {
        if status.isSymbolicLink { return "is a symbolic link; give the path of the file itself" }
        if !status.isRegularFile { return "is not a regular file" }
        if status.owner != geteuid() {
            return "belongs to user \(status.owner), and this process runs as user \(geteuid())"
        }
        if status.permissions & 0o022 != 0 {
            return "may be written by others (mode \(String(status.permissions, radix: 8))); run: chmod 600 \(path)"
        }
        return nil
    }

    /// - Returns: whether the file is empty and becomes a spool now.
    private func checkIdentity(of database: borrowing Database) throws -> Bool {
        do {
            let applicationID = try database.integer("PRAGMA application_id")
            let version = try database.integer("PRAGMA user_version") ?? 0
            let isEmpty = try database.integer("SELECT count(*) FROM sqlite_schema") == 0
            if applicationID == 0, version == 0, isEmpty { return true }
            guard applicationID == Self.applicationID else {
                throw SpoolError(.refused, "\(path) is a database of another application; it was left as it is")
            }
            let newest = Migration.spool.last?.number ?? 0
            guard version <= newest else {
                throw SpoolError(
                    .refused,
                    "\(path) has schema version \(version), this program knows \(newest); use a newer program"
                )
            }
            return false
        } catch let error as SQLiteError where error.primaryCode == SQLITE_NOTADB {
            throw SpoolError(.refused, "\(path) is not a SQLite database; it was left as it is", cause: error)
        }
    }

    /// Makes an empty file a spool's. Auto-vacuum can only be chosen before the first page is written.
    private func mark(_ database: borrowing Database) throws {
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try database.execute("PRAGMA application_id = \(Self.applicationID)")
    }

    /// Autocheckpointing is off already: `Database` put its own hook in the place of SQLite's.
    private func configure(_ database: borrowing Database, _ configuration: SpoolConfiguration) throws {
        guard try database.text("PRAGMA journal_mode = WAL") == "wal" else {
            throw SpoolError(.refused, "the file system of \(path) does not support SQLite's write-ahead log")
        }
        let synchronous =
            switch configuration.durability {
            case .powerLoss: "FULL"
            case .processCrash: "NORMAL"
            }
        try database.execute(
            """
            PRAGMA synchronous = \(synchronous);
            PRAGMA secure_delete = FAST;
            PRAGMA trusted_schema = OFF;
            PRAGMA cell_size_check = ON;
            PRAGMA mmap_size = 0;
            PRAGMA journal_size_limit = \(Self.walBytesKept);
            """
        )
        if let maxPages = configuration.maxPages { try database.execute("PRAGMA max_page_count = \(maxPages)") }
        try database.configure(SQLITE_DBCONFIG_DEFENSIVE, true)
    }

    /// What stays of the WAL file when it starts anew after a checkpoint.
    private static let walBytesKept = 16 << 20

    private func migrate(_ database: borrowing Database, now: WallInstant) throws {
        let version = try database.integer("PRAGMA user_version") ?? 0
        for migration in Migration.spool where migration.number > version {
            do {
                try database.execute("BEGIN IMMEDIATE")
                try database.execute(migration.sql)
                if migration.number == 1 { try insertIdentity(database, now) }
                try database.execute("PRAGMA user_version = \(migration.number)")
                try database.execute("COMMIT")
            } catch {
                database.rollBack()
                throw error
            }
        }
    }

    private func insertIdentity(_ database: borrowing Database, _ now: WallInstant) throws {
        try database.prepare("INSERT INTO spool VALUES (1, ?1, ?2, 0, 0, 0, 0)")
            .run(.text(UUID().uuidString.lowercased()), .integer(now.milliseconds))
    }
}
