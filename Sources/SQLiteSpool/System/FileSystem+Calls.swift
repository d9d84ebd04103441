internal import CSQLite
internal import Glibc

/// The calls. They are safe because C strings and buffers are used within the call only.
extension FileSystem {
    /// What is at `path` itself, symbolic links not followed; nil when nothing is.
    package func status(of path: String) throws(FileSystemFailure) -> FileStatus? {
        try willMake(.status(of: path))
        var status = stat()
        let code = unsafe lstat(path, &status)
        if code != 0, errno == ENOENT { return nil }
        try FileSystemFailure.check(code, "look at \(path)")
        return FileStatus(status)
    }

    /// Whether `path` itself leads to this file; symbolic links are not followed. True too where the system does not tell: only
    /// a name that is gone, or another file's, is a reason to act.
    func leads(_ path: String, to file: FileIdentity) -> Bool {
        var status = stat()
        // Asked for each commit: a path that is passed as it is would be copied first.
        guard unsafe path.withCString({ unsafe lstat($0, &status) }) == 0 else {
            return errno != ENOENT && errno != ENOTDIR
        }
        return status.st_dev == file.device && status.st_ino == file.inode
    }

    /// Bytes that an ordinary user may still fill on the disk of an existing file or directory.
    package func availableBytes(at path: String) throws(FileSystemFailure) -> Int {
        try willMake(.availableBytes(at: path))
        // The structure of the same name hides the function.
        let ask: (UnsafePointer<CChar>, UnsafeMutablePointer<statvfs>) -> Int32 = unsafe statvfs
        var status = statvfs()
        try FileSystemFailure.check(unsafe ask(path, &status), "ask for the free space at \(path)")
        let (bytes, isTooMuch) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return isTooMuch ? .max : Int(clamping: bytes)
    }

    // MARK: Names

    /// The names in a directory, in no order.
    package func names(in directory: String) throws(FileSystemFailure) -> [String] {
        try willMake(.names(in: directory))
        guard let stream = unsafe opendir(directory) else {
            throw FileSystemFailure(errno: errno, action: "list \(directory)")
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Creates an empty file that only its owner may read and write. Fails when there is one already.
    package func createPrivateFile(_ path: String) throws(FileSystemFailure) {
        try willMake(.create(path))
        try OpenFile(path, O_RDWR | O_CREAT | O_EXCL, in: self).close()
    }

    /// Does nothing when there is no such file.
    package func remove(_ path: String) throws(FileSystemFailure) {
        try willMake(.remove(path))
        let code = unsafe unlink(path)
        if code == 0 || errno != ENOENT { try FileSystemFailure.check(code, "remove \(path)") }
    }

    /// Atomic; what was at `new` is gone.
    package func rename(_ path: String, to new: String) throws(FileSystemFailure) {
        try willMake(.rename(path, to: new, replaces: true))
        try FileSystemFailure.check(unsafe Glibc.rename(path, new), "rename \(path) to \(new)")
    }

    /// Atomic. Fails when there is a file at `new`.
    package func rename(_ path: String, toNew new: String) throws(FileSystemFailure) {
        try willMake(.rename(path, to: new, replaces: false))
        var code = unsafe csqlite_rename_to_new(path, new)
        // Some file systems cannot do both in one call.
        if code == EINVAL || code == ENOSYS {
            code = try status(of: new) != nil ? EEXIST : unsafe Glibc.rename(path, new) == 0 ? 0 : errno
        }
        if code != 0 { throw FileSystemFailure(errno: code, action: "rename \(path) to \(new)") }
    }

    /// Makes the names in a directory survive a power cut.
    package func syncDirectory(_ directory: String) throws(FileSystemFailure) {
        guard try willMake(.syncDirectory(directory)) else { return }
        let file = try OpenFile(directory, O_RDONLY | O_DIRECTORY, in: self)
        defer { file.close() }
        try FileSystemFailure.check(fsync(file.descriptor), "sync \(directory)")
    }

    // MARK: What is in files

    /// Reads a part of a file, which must be a regular one. Only for files that SQLite has not open in this process, or for a WAL:
    /// closing a database would drop SQLite's locks, which are on it and on the `-shm` file.
    ///
    /// - Returns: fewer bytes at the end of the file.
    package func read(_ path: String, from offset: Int, count: Int) throws(FileSystemFailure) -> [UInt8] {
        try willMake(.read(path))
        let file = try OpenFile(path, O_RDONLY, .reading, in: self)
        defer { file.close() }
        return try file.read(from: offset, count: count)
    }

    /// Writes a part of a file that is there. It is not synced. Same restriction as ``read(_:from:count:)``.
    package func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileSystemFailure) {
        try willMake(.write(bytes, to: path, at: offset))
        let file = try OpenFile(path, O_RDWR, .writing(), in: self)
        defer { file.close() }
        try file.write(bytes, at: offset)
    }

    /// Makes what is in a file survive a power cut. Same restriction as ``read(_:from:count:)``.
    package func sync(_ path: String) throws(FileSystemFailure) {
        let file = try OpenFile(path, O_RDWR, .writing(), in: self)
        defer { file.close() }
        try file.sync()
    }

    /// Copies a file to a new one that only its owner may read and write. It is not synced. Fails when there is a file at `new`.
    func copy(_ path: String, to new: String) throws(FileSystemFailure) {
        try createPrivateFile(new)
        try writePieces(of: path, to: new)
    }

    /// Writes what a file holds over it, and syncs it: what an earlier sync failed for is on the disk then, and not only in
    /// the system's memory. A power cut meanwhile leaves of each part what was there.
    func rewrite(_ path: String) throws(FileSystemFailure) {
        try writePieces(of: path, to: path)
        try sync(path)
    }

    /// In pieces: a WAL may be larger than the memory.
    private func writePieces(of path: String, to target: String) throws(FileSystemFailure) {
        var offset = 0
        while true {
            let piece = try read(path, from: offset, count: 1 << 20)
            if piece.isEmpty { return }
            try write(piece, to: target, at: offset)
            offset += piece.count
        }
    }

    // MARK: Files that stay open

    /// Opens a file, which SQLite may have open too, to reserve room for it or to hold it.
    package func openToReserve(_ path: String) throws(FileSystemFailure) -> OpenFile {
        try willMake(.open(path))
        return try OpenFile(path, O_RDWR, .writing(), in: self)
    }

    /// Opens a file to be locked, or creates it, for this process and not for those that it starts.
    package func openLockFile(_ path: String) throws(FileSystemFailure) -> OpenFile {
        try willMake(.openLock(path, creates: true))
        return try OpenFile(path, O_RDWR | O_CREAT, .writing(), in: self)
    }

    /// Opens the lock file of another owner to read it, and creates none; nil when there is none.
    package func openLockFileToRead(_ path: String) throws(FileSystemFailure) -> OpenFile? {
        try willMake(.openLock(path, creates: false))
        do throws(FileSystemFailure) {
            return try OpenFile(path, O_RDONLY, .reading, in: self)
        } catch  where error.errno == ENOENT {
            return nil
        }
    }

    /// Whether what is written over the file's bytes takes their place on the disk, so that it needs no room. Only for files
    /// that SQLite has not open in this process, as with ``read(_:from:count:)``.
    ///
    /// - Parameter makes: sees to it where that can be done: for a file that is absent, which is created, or empty.
    func overwritesInPlace(_ path: String, makes: Bool) throws(FileSystemFailure) -> Bool {
        let file = try OpenFile(path, makes ? O_RDWR | O_CREAT : O_RDONLY, in: self)
        defer { file.close() }
        return file.overwritesInPlace
    }

    /// Opens the `-shm` file of a WAL, or creates it. When no connection has it open, it is cleared, and SQLite is kept from cutting
    /// it. Call it before SQLite opens the database, and close the file when SQLite has closed that.
    ///
    /// - Parameter copiesOnWrite: whether the file system does where it is not told otherwise.
    func openIndex(_ path: String, copiesOnWrite: Bool) throws(FileSystemFailure) -> OpenFile {
        let file = try OpenFile(path, O_RDWR | O_CREAT, .writing(), in: self)
        let code = csqlite_clear_unused_index(file.descriptor, copiesOnWrite ? 1 : 0)
        if code == 0 { return file }
        file.close()
        throw FileSystemFailure(errno: code, action: "write \(path)")
    }

    // MARK: Locks

    /// The other processes that keep a read transaction open on a SQLite database, by the `-shm` file of its WAL; empty
    /// when that cannot be told.
    func readers(ofWALIndex path: String) -> [Int32] {
        guard let index = (try? SystemFileSystem().status(of: path))?.identity, let table = LockTable.current else {
            return []
        }
        return table.readers(ofWALIndex: index.inode).filter { $0 != getpid() }
    }

    /// The process that holds the `flock` on a file; nil when none does that this one sees. Where the system has no table
    /// of locks it is `expected`, if there is such a process.
    func holder(ofLock path: String, expected: Int32?) -> Int32? {
        guard let file = (try? SystemFileSystem().status(of: path))?.identity else { return nil }
        let expectedLives = expected.map { kill($0, 0) == 0 || errno == EPERM } ?? false
        // The kernel gives the table in pieces of 4 KiB, and leaves out a lock when an earlier one goes away between two of
        // them. So a process that says it has the lock, and lives, is looked for again.
        for _ in 0..<(expectedLives ? 10 : 1) {
            guard let table = LockTable.current else { return expectedLives ? expected : nil }
            if let holder = table.holder(ofFile: file.inode, device: file.device, expected: expected) { return holder }
        }
        return nil
    }
}

extension MountTable {
    static var current: MountTable { MountTable(systemTable("/proc/self/mountinfo") ?? "") }
}

extension LockTable {
    /// nil where the system has none.
    static var current: LockTable? { systemTable("/proc/locks").map { LockTable($0) } }
}

private func systemTable(_ path: String) -> String? {
    (try? SystemFileSystem().read(path, from: 0, count: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
}
