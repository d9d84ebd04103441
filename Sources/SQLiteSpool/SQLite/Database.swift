internal import CSQLite

/// One SQLite connection. It belongs to one thread or lock at a time and is closed when the value goes away.
///
/// This file and `Statement.swift` hold every call into SQLite. They are safe because the handle is private, lives
/// exactly as long as the noncopyable value, and each pointer handed to C is used within the call only.
@safe
package struct Database: ~Copyable {
    package enum Access: Sendable {
        /// Reads and writes an existing file.
        case readWrite
        /// Reads an existing file and changes nothing in it.
        case readOnly
        /// Reads and writes, and creates the file when it is absent.
        case create
    }

    private let handle: OpaquePointer

    /// What SQLite's hooks read and write.
    private struct Hooks {
        /// Pages that the WAL held after the latest commit.
        var walPages: Int32 = 0
        /// When a statement that still runs is ended, while there is a deadline.
        var deadline = ContinuousClock.now
    }

    private let hooks: UnsafeMutablePointer<Hooks>

    /// Opens `path`, which must not contain a symbolic link in any of its components (`SQLITE_OPEN_NOFOLLOW`).
    ///
    /// - Parameter vfs: the name of a registered VFS; nil is SQLite's default.
    package init(path: String, access: Access, vfs: String? = nil) throws(SQLiteError) {
        let flags =
            switch access {
            case .readWrite: SQLITE_OPEN_READWRITE
            case .readOnly: SQLITE_OPEN_READONLY
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            }
        var opened: OpaquePointer?
        let code = unsafe sqlite3_open_v2(
            path,
            &opened,
            flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
            vfs
        )
        guard code == SQLITE_OK, let handle = unsafe opened else {
            let message = unsafe String(cString: sqlite3_errstr(code))
            unsafe sqlite3_close_v2(opened)
            throw SQLiteError(code: code, message: message, action: "open \(path)")
        }
        unsafe self.handle = handle
        unsafe self.hooks = .allocate(capacity: 1)
        unsafe hooks.initialize(to: Hooks())
        unsafe sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                unsafe context?.assumingMemoryBound(to: Hooks.self).pointee.walPages = pages
                return SQLITE_OK
            },
            hooks
        )
    }

    deinit {
        // close_v2 waits for statements that are still open; closing the last connection of a file checkpoints it.
        unsafe sqlite3_close_v2(handle)
        unsafe hooks.deallocate()
    }

    /// Pages that the WAL held after the latest commit of this connection.
    package var walPages: Int { unsafe Int(hooks.pointee.walPages) }

    /// Rows that the latest INSERT, UPDATE or DELETE has changed.
    var changes: Int { unsafe Int(sqlite3_changes(handle)) }

    /// False while a transaction is open. After an I/O error, a full disk or no memory SQLite may have rolled back by
    /// itself (https://www.sqlite.org/c3ref/get_autocommit.html), and only this tells.
    package var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// Runs statements that return no rows.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code, sql) }
    }

    /// - Parameter values: are bound to the parameters.
    package func prepare(_ sql: String, _ values: Statement.Value...) throws(SQLiteError) -> Statement {
        var prepared: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            handle,
            sql,
            -1,
            UInt32(bitPattern: SQLITE_PREPARE_PERSISTENT),
            &prepared,
            nil
        )
        guard code == SQLITE_OK, let handle = unsafe prepared else { throw error(code, sql) }
        let statement = unsafe Statement(handle: handle, sql: sql)
        try statement.bind(values)
        return statement
    }

    /// Prepares one statement of somebody else. It may read the table `records`, take JSON apart, and call functions that
    /// neither change anything nor make long values of short ones; anything else is an error, and so is a second statement.
    package func prepareReading(_ sql: String) throws(SQLiteError) -> Statement {
        // SQLite makes these two when they are first named, which the authorizer would forbid.
        try execute("SELECT 1 FROM json_each('[]'), json_tree('[]')")
        unsafe sqlite3_set_authorizer(
            handle,
            { _, action, first, second, _, _ in
                switch action {
                case SQLITE_SELECT: return SQLITE_OK
                case SQLITE_READ:
                    let table = unsafe first.map { unsafe String(cString: $0) } ?? ""
                    return ReadingRules.tables.contains(table.lowercased()) ? SQLITE_OK : SQLITE_DENY
                case SQLITE_FUNCTION:
                    let name = unsafe second.map { unsafe String(cString: $0) } ?? ""
                    return ReadingRules.functions.contains(name.lowercased()) ? SQLITE_OK : SQLITE_DENY
                default: return SQLITE_DENY
                }
            },
            nil
        )
        defer { unsafe sqlite3_set_authorizer(handle, nil, nil) }
        let statement = try prepare(sql)
        guard statement.isAll(of: sql) else {
            throw SQLiteError(code: SQLITE_ERROR, message: "there is more than one statement", action: sql)
        }
        return statement
    }

    /// The first column of the first row as an integer, nil when there is no row or it is NULL.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// The first column of the first row as text, nil when there is no row or it is NULL.
    package func text(_ sql: String) throws(SQLiteError) -> String? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.text(0) : nil
    }

    /// Rolls back what is open, if anything is.
    package func rollBack() {
        if isInTransaction { unsafe sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    }

    /// How long a call waits for a lock that another process holds.
    package func setBusyTimeout(milliseconds: Int32) {
        unsafe sqlite3_busy_timeout(handle, milliseconds)
    }

    /// Turns a `SQLITE_DBCONFIG_…` switch on or off (https://www.sqlite.org/c3ref/c_dbconfig_defensive.html).
    package func configure(_ option: Int32, _ isOn: Bool) throws(SQLiteError) {
        let code = unsafe csqlite_db_config(handle, option, isOn ? 1 : 0)
        guard code == SQLITE_OK else { throw error(code, "sqlite3_db_config \(option)") }
    }

    /// Ends each statement that still runs when `time` has passed, with `SQLITE_INTERRUPT`; nil lets them run.
    package func setDeadline(in time: Duration?) {
        guard let time else { return unsafe sqlite3_progress_handler(handle, 0, nil, nil) }
        unsafe hooks.pointee.deadline = .now + time
        unsafe sqlite3_progress_handler(
            handle,
            10_000,
            { context in
                let deadline = unsafe context?.assumingMemoryBound(to: Hooks.self).pointee.deadline
                return deadline.map { $0 < .now } == true ? 1 : 0
            },
            hooks
        )
    }

    /// Sets one of the connection's limits, `SQLITE_LIMIT_…` (https://www.sqlite.org/c3ref/c_limit_attached.html).
    package func limit(_ limit: Int32, to value: Int32) {
        unsafe _ = sqlite3_limit(handle, limit, value)
    }

    /// The most memory that SQLite takes for all connections of this process together. Beyond it statements fail.
    package static func limitMemory(toBytes bytes: Int) {
        _ = sqlite3_hard_heap_limit64(Int64(bytes))
    }

    /// Moves what it can from the WAL into the database without waiting for readers.
    ///
    /// - Returns: whether everything was moved, so that the next commit starts the WAL anew.
    package func checkpoint() throws(SQLiteError) -> Bool {
        var inWAL: Int32 = 0
        var moved: Int32 = 0
        let code = unsafe sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, &inWAL, &moved)
        guard code == SQLITE_OK || code == SQLITE_BUSY else { throw error(code, "checkpoint") }
        return code == SQLITE_OK && inWAL == moved
    }

    /// Has the checkpoints to come write all of the WAL into the database, also what earlier ones have written. Call it before
    /// anything is read.
    ///
    /// The index of the WAL counts what checkpoints have written (`nBackfill`, https://www.sqlite.org/walformat.html). But only
    /// the checkpoint that reaches the WAL's end syncs the database. When that sync fails, Linux takes every page for written,
    /// and as long as a connection keeps the index open, SQLite writes none of them again. SQLite's own recovery sets the
    /// count to 0 under the same locks, also while others read.
    ///
    /// - Parameter milliseconds: how long it waits for the locks of a writer and of a checkpoint. A process that only reads may hold
    ///   them for an instant, to recover the index.
    func forgetCheckpoints(waiting milliseconds: Int) throws(SQLiteError) {
        guard let (file, methods, index) = unsafe try mapWALIndex() else { return }
        defer { _ = unsafe methods.xShmUnmap?(file, 0) }
        // It begins with its version. One that is not made yet will begin with 0 pages.
        guard unsafe index.load(as: UInt32.self) != 0 else { return }
        try check(unsafe index.load(as: UInt32.self) == 3_007_000 ? SQLITE_OK : SQLITE_CANTOPEN)
        let (first, count) = (Int32(0), Int32(2))
        var code: Int32?
        for attempt in 0...milliseconds / 20 {
            if attempt > 0 { sqlite3_sleep(20) }
            code = unsafe methods.xShmLock?(file, first, count, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE)
            if code != SQLITE_BUSY { break }
        }
        try check(code)
        unsafe index.storeBytes(of: 0, toByteOffset: 96, as: UInt32.self)
        unsafe methods.xShmBarrier?(file)
        _ = unsafe methods.xShmLock?(file, first, count, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE)
    }

    /// Where the last commit ends in the WAL: what SQLite reads of it. Call it when something has been read.
    ///
    /// - Returns: nil when that is not known. The format is https://www.sqlite.org/walformat.html#the_wal_index_header.
    func walEnd() throws(SQLiteError) -> WALEnd? {
        guard let (_, _, index) = unsafe try mapWALIndex(), unsafe index.load(as: UInt32.self) == 3_007_000,
            unsafe index.load(fromByteOffset: 12, as: UInt8.self) == 1
        else { return nil }
        let pageBytes = unsafe Int(index.load(fromByteOffset: 14, as: UInt16.self))
        let frames = unsafe Int(index.load(fromByteOffset: 16, as: UInt32.self))
        return WALEnd(
            salts: UInt64(bigEndian: unsafe index.load(fromByteOffset: 32, as: UInt64.self)),
            bytes: frames == 0 ? 0 : 32 + frames * (24 + (pageBytes == 1 ? 65_536 : pageBytes))
        )
    }

    /// - Returns: nil where the file is in memory only.
    private func mapWALIndex() throws(SQLiteError) -> (
        UnsafeMutablePointer<sqlite3_file>, sqlite3_io_methods, UnsafeMutableRawPointer
    )? {
        var pointer: UnsafeMutablePointer<sqlite3_file>?
        try check(unsafe sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &pointer))
        guard let file = unsafe pointer, let methods = unsafe file.pointee.pMethods?.pointee else { return nil }
        var index: UnsafeMutableRawPointer?
        try check(unsafe methods.xShmMap?(file, 0, 32 << 10, 0, &index))
        guard let index = unsafe index else { return nil }
        return unsafe (file, methods, index)
    }

    /// Of calls that leave no message with the connection.
    private func check(_ code: Int32?) throws(SQLiteError) {
        let code = code ?? SQLITE_ERROR
        guard code != SQLITE_OK else { return }
        let message = unsafe String(cString: sqlite3_errstr(code))
        throw SQLiteError(code: code, message: message, action: "forget earlier checkpoints")
    }

    /// Makes another database the same as this one, whatever became of the names of this one's files
    /// (https://www.sqlite.org/backup.html). Synced as the other one's `synchronous` says.
    package borrowing func copy(into target: borrowing Database) throws(SQLiteError) {
        guard let backup = unsafe sqlite3_backup_init(target.handle, "main", handle, "main") else {
            throw unsafe target.error(sqlite3_errcode(target.handle), "copy the database")
        }
        let code = unsafe sqlite3_backup_step(backup, -1)
        let end = unsafe sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE, end == SQLITE_OK else {
            throw target.error(end == SQLITE_OK ? code : end, "copy the database")
        }
    }

    private func error(_ code: Int32, _ action: String) -> SQLiteError {
        unsafe SQLiteError(code, handle, action: action)
    }
}
