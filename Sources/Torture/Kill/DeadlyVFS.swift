internal import CSQLite
internal import Glibc
internal import Synchronization

/// SQLite's own VFS, except that the process dies in the middle of a chosen write.
///
/// It is safe because the tables that it makes are never freed, and SQLite hands each file only to the functions that are
/// in that file's table.
@safe
enum DeadlyVFS {
    enum File {
        case database, log, other
    }

    /// The write that is the last.
    struct Plan {
        /// The kinds of files whose writes count.
        var files: Set<File>
        /// Counted from 1.
        var write: Int
        /// How much of it reaches the file.
        var quarters: Int
    }

    private static let plan = Mutex<Plan?>(nil)

    static func arm(_ new: Plan) {
        plan.withLock { $0 = new }
    }

    /// Makes it the default of all connections that are opened from now on.
    static func install() {
        guard let original = unsafe sqlite3_vfs_find(nil) else { preconditionFailure("SQLite has no VFS") }
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        unsafe vfs.initialize(to: original.pointee)
        unsafe vfs.pointee.zName = UnsafePointer(strdup("deadly"))
        unsafe vfs.pointee.pAppData = UnsafeMutableRawPointer(original)
        unsafe vfs.pointee.xOpen = { vfs, path, file, flags, opened in
            guard let file = unsafe file,
                let original = unsafe vfs?.pointee.pAppData?.assumingMemoryBound(to: sqlite3_vfs.self)
            else { return SQLITE_CANTOPEN }
            let code = unsafe original.pointee.xOpen(original, path, file, flags, opened)
            if let methods = unsafe file.pointee.pMethods {
                unsafe file.pointee.pMethods = DeadlyVFS.methods(over: methods, flags: flags)
            }
            return code
        }
        unsafe sqlite3_vfs_register(vfs, 1)
    }

    /// A table of methods with the original one behind it, where `write` finds it.
    private static func methods(
        over original: UnsafePointer<sqlite3_io_methods>,
        flags: Int32
    ) -> UnsafePointer<sqlite3_io_methods> {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 2)
        unsafe methods.initialize(repeating: original.pointee, count: 2)
        // A C function captures nothing, so each kind of file has its own.
        if flags & SQLITE_OPEN_MAIN_DB != 0 {
            unsafe methods.pointee.xWrite = { unsafe DeadlyVFS.write(.database, $0, $1, $2, $3) }
        } else if flags & SQLITE_OPEN_WAL != 0 {
            unsafe methods.pointee.xWrite = { unsafe DeadlyVFS.write(.log, $0, $1, $2, $3) }
        } else {
            unsafe methods.pointee.xWrite = { unsafe DeadlyVFS.write(.other, $0, $1, $2, $3) }
        }
        return unsafe UnsafePointer(methods)
    }

    private static func write(
        _ kind: File,
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ bytes: UnsafeRawPointer?,
        _ count: Int32,
        _ offset: sqlite3_int64
    ) -> Int32 {
        guard let file = unsafe file, let write = unsafe file.pointee.pMethods?[1].xWrite else { return SQLITE_IOERR }
        if let quarters = quartersOfLastWrite(to: kind) {
            _ = unsafe write(file, bytes, count / 4 * Int32(quarters), offset)
            // Whoever was told too early that the commit is done has time to say so.
            usleep(2_000)
            die()
        }
        return unsafe write(file, bytes, count, offset)
    }

    /// nil while it is not the last one.
    private static func quartersOfLastWrite(to kind: File) -> Int? {
        plan.withLock { plan in
            guard plan?.files.contains(kind) == true else { return nil }
            plan?.write -= 1
            return plan?.write == 0 ? plan?.quarters : nil
        }
    }
}

/// Ends the process at once, as `kill -9` does.
func die() -> Never {
    kill(getpid(), SIGKILL)
    while true { pause() }
}
