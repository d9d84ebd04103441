internal import CSQLite
internal import Glibc
internal import Synchronization

/// An open file. Its lock is a `flock`, which the kernel releases when the process dies, and which SQLite's own locks do not touch on
/// a local file system.
///
/// Not closed in a deinit: nothing could tell whether SQLite had closed a database by then.
package final class OpenFile: Sendable {
    private let path: String
    private let fileSystem: any FileSystem
    private let file: Atomic<Int32>
    private let generation = ForkGuard.generation

    /// Of no file once it is closed: each call fails then.
    var descriptor: Int32 { file.load(ordering: .relaxed) }

    /// Opens, or creates with mode 0600, for this process and not for those that it starts, and waits for nobody: a FIFO
    /// would have it wait for a writer.
    ///
    /// - Parameter rules: what was opened must keep them. It is looked at once it is open, as a name may stand for another
    ///   file a moment later.
    init(
        _ path: String,
        _ flags: Int32,
        _ rules: FileRules? = nil,
        in fileSystem: any FileSystem
    ) throws(FileSystemFailure) {
        let opened = unsafe Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0o600)
        file = Atomic(try FileSystemFailure.check(opened, "open \(path)"))
        self.path = path
        self.fileSystem = fileSystem
        do throws(FileSystemFailure) {
            if let breach = try rules?.breach(by: status(), at: path) { throw FileSystemFailure(breach) }
        } catch {
            close()
            throw error
        }
        // While it is empty it can still be asked for.
        if flags & O_CREAT != 0 { _ = csqlite_overwrites_in_place(opened, 1) }
    }

    /// Lets the lock go and closes the file. For a database, to be called when SQLite has closed it: whichever descriptor a process
    /// closes, all the locks go that it has on the file (https://www.sqlite.org/howtocorrupt.html, 2.2).
    package func close() {
        let file = file.exchange(-1, ordering: .acquiringAndReleasing)
        guard file >= 0 else { return }
        // Closing alone would not do: a child that is being forked at this moment holds the same lock until its exec.
        // But such a child must not let its parent's lock go.
        if generation == ForkGuard.generation {
            csqlite_show_lock(file, 0)
            flock(file, LOCK_UN)
        }
        _ = Glibc.close(file)
    }

    /// What was opened, whatever has that name by now.
    func status() throws(FileSystemFailure) -> FileStatus {
        var status = stat()
        try FileSystemFailure.check(unsafe fstat(descriptor, &status), "look at \(path)")
        return FileStatus(status)
    }

    // MARK: Locks

    /// - Returns: false when another open description holds the lock.
    package func tryLock() -> Bool {
        (try? fileSystem.willMake(.tryLock)) != nil && flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }

    /// Shows others that the lock is held.
    func showLock() { csqlite_show_lock(descriptor, 1) }

    /// Whether an owner holds the lock, in whatever pid namespace. Locks nothing. False for an owner of an older version.
    var isHeld: Bool { csqlite_shows_lock(descriptor) != 0 }

    // MARK: Bytes

    /// - Returns: fewer bytes at the end of the file.
    func read(from offset: Int, count: Int) throws(FileSystemFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var end = 0
        while end < count {
            let step = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(descriptor, buffer.baseAddress?.advanced(by: end), count - end, off_t(offset + end))
            }
            guard step >= 0 else { throw FileSystemFailure(errno: errno, action: "read \(path)") }
            if step == 0 { break }
            end += step
        }
        bytes.removeLast(count - end)
        return bytes
    }

    /// The start of the file.
    func readText() -> String { String(decoding: (try? read(from: 0, count: 1_024)) ?? [], as: UTF8.self) }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileSystemFailure) {
        var count = 0
        while count < bytes.count {
            let step = unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[count...])
                return unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + count))
            }
            // A file system that takes nothing, and does not say why, would be asked for ever.
            guard step > 0 else { throw FileSystemFailure(errno: step < 0 ? errno : EIO, action: "write \(path)") }
            count += step
        }
    }

    /// Overwrites a part of a lock file, without a sync.
    func write(_ text: String, at offset: Int) throws(FileSystemFailure) {
        let bytes = Array(text.utf8)
        try fileSystem.willMake(.writeLock(bytes, to: path, at: offset))
        try write(bytes, at: offset)
    }

    /// Makes what was written survive a power cut.
    func sync() throws(FileSystemFailure) {
        guard try fileSystem.willMake(.sync(path)) else { return }
        try FileSystemFailure.check(fsync(descriptor), "sync \(path)")
    }

    // MARK: Room

    /// Gives the file its place on the disk for this many bytes, and leaves its length. Does nothing where the file system
    /// cannot do that.
    package func reserve(_ bytes: Int) throws(FileSystemFailure) {
        try fileSystem.willMake(.reserve(path))
        // XFS wants room for all that it is asked for, also for what has its place: ask for what is missing. The blocks may
        // be a few more than those of the bytes.
        var status = stat()
        let allocated = unsafe fstat(descriptor, &status) == 0 ? Int(status.st_blocks) * 512 : 0
        if allocated >= bytes { return }
        let start = max(0, allocated - (256 << 10)) & ~4_095
        let code = csqlite_fallocate_keeping_size(descriptor, Int64(start), Int64(bytes - start))
        guard [0, EOPNOTSUPP, ENOSYS].contains(code) else {
            throw FileSystemFailure(errno: code, action: "reserve \(bytes) bytes for \(path)")
        }
    }

    /// Of a block of the file system; nil when it does not say.
    var blockBytes: Int? {
        var status = statvfs()
        return unsafe fstatvfs(descriptor, &status) == 0 ? Int(exactly: status.f_frsize) : nil
    }

    /// Whether what is written over its bytes takes their place on the disk.
    var overwritesInPlace: Bool { csqlite_overwrites_in_place(descriptor, 0) != 0 }

    /// Has the system begin to write to the disk what was written to the file, and does not wait for it: the sync to come
    /// is short then. It promises nothing.
    func startWriting() { csqlite_start_writing(descriptor) }
}
