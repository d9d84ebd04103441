internal import CSQLite
internal import Glibc
internal import Synchronization

/// The operating system's own calls.
///
/// They are safe because C strings and buffers are used within the call only.
package struct SystemFileSystem: FileSystem {
    private let pretended: Mount?

    /// - Parameter mount: what all files are taken to be on; nil asks the system.
    package init(on mount: Mount? = nil) {
        pretended = mount
    }

    package var vfs: String? { nil }

    package func status(of path: String) throws(FileSystemFailure) -> FileStatus? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw FileSystemFailure(errno: errno, action: "look at \(path)")
        }
        return FileStatus(status)
    }

    package func marks(of path: String) -> String? {
        var status = stat()
        let birth = unsafe csqlite_birth_time(path)
        guard birth > 0, unsafe lstat(path, &status) == 0 else { return nil }
        return "inode \(status.st_ino), born \(birth)"
    }

    package func leads(_ path: String, to file: FileIdentity) -> Bool {
        var status = stat()
        // Asked for each commit: a path that is passed as it is would be copied first.
        guard unsafe path.withCString({ unsafe lstat($0, &status) }) == 0 else {
            return errno != ENOENT && errno != ENOTDIR
        }
        return status.st_dev == file.device && status.st_ino == file.inode
    }

    package func names(in directory: String) throws(FileSystemFailure) -> [String] {
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

    package func createPrivateFile(_ path: String) throws(FileSystemFailure) {
        let file = try Self.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)
        _ = Glibc.close(file)
    }

    /// Creates a file that only its owner may read and write, or takes the rights of others to one that is there.
    package func makePrivate(_ path: String) throws(FileSystemFailure) {
        let file = try Self.open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK)
        defer { _ = Glibc.close(file) }
        guard fchmod(file, 0o600) == 0 else { throw FileSystemFailure(errno: errno, action: "chmod \(path)") }
    }

    package func syncDirectory(_ directory: String) throws(FileSystemFailure) {
        let file = try Self.open(directory, O_RDONLY | O_DIRECTORY)
        defer { _ = Glibc.close(file) }
        guard fsync(file) == 0 else { throw FileSystemFailure(errno: errno, action: "sync \(directory)") }
    }

    package func rename(_ path: String, to new: String) throws(FileSystemFailure) {
        guard unsafe Glibc.rename(path, new) == 0 else {
            throw FileSystemFailure(errno: errno, action: "rename \(path) to \(new)")
        }
    }

    package func rename(_ path: String, toNew new: String) throws(FileSystemFailure) {
        let code = unsafe csqlite_rename_to_new(path, new)
        if code == 0 { return }
        // Some file systems cannot do both in one call.
        let isUnknown = code == EINVAL || code == ENOSYS
        guard isUnknown, try status(of: new) == nil else {
            throw FileSystemFailure(errno: isUnknown ? EEXIST : code, action: "rename \(path) to \(new)")
        }
        try rename(path, to: new)
    }

    package func remove(_ path: String) throws(FileSystemFailure) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw FileSystemFailure(errno: errno, action: "remove \(path)")
        }
    }

    package func read(_ path: String, from offset: Int, count: Int) throws(FileSystemFailure) -> [UInt8] {
        try Self.withFile(path, O_RDONLY, .reading) { (file) throws(FileSystemFailure) -> [UInt8] in
            guard lseek(file, off_t(offset), SEEK_SET) >= 0 else {
                throw FileSystemFailure(errno: errno, action: "read \(path)")
            }
            return try Self.read(file, count, path: path)
        }
    }

    package func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileSystemFailure) {
        try Self.withFile(path, O_RDWR, .writing()) { (file) throws(FileSystemFailure) in
            try Self.write(bytes, to: file, at: offset, path: path)
        }
    }

    package func truncate(_ path: String, to bytes: Int) throws(FileSystemFailure) {
        try Self.withFile(path, O_RDWR, .writing()) { (file) throws(FileSystemFailure) in
            guard ftruncate(file, off_t(bytes)) == 0 else {
                throw FileSystemFailure(errno: errno, action: "cut \(path)")
            }
        }
    }

    package func sync(_ path: String) throws(FileSystemFailure) {
        try Self.withFile(path, O_RDWR, .writing()) { (file) throws(FileSystemFailure) in
            guard fsync(file) == 0 else { throw FileSystemFailure(errno: errno, action: "sync \(path)") }
        }
    }

    private static func withFile<Value>(
        _ path: String,
        _ flags: Int32,
        _ rules: FileRules,
        _ body: (Int32) throws(FileSystemFailure) -> Value
    ) throws(FileSystemFailure) -> Value {
        let file = try open(path, flags | O_NOFOLLOW, rules)
        defer { _ = Glibc.close(file) }
        return try body(file)
    }

    package func openToReserve(_ path: String) throws(FileSystemFailure) -> any ReservableFile {
        SystemOpenFile(try Self.open(path, O_RDWR | O_NOFOLLOW, .writing()), path: path)
    }

    package func availableBytes(at path: String) throws(FileSystemFailure) -> Int {
        // The structure of the same name hides the function.
        let ask: (UnsafePointer<CChar>, UnsafeMutablePointer<statvfs>) -> Int32 = unsafe statvfs
        var status = statvfs()
        guard unsafe ask(path, &status) == 0 else {
            throw FileSystemFailure(errno: errno, action: "ask for the free space at \(path)")
        }
        let (bytes, isTooMuch) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return isTooMuch ? .max : Int(clamping: bytes)
    }

    package func mount(of path: String) -> Mount? {
        if let pretended { return pretended }
        let text = (try? read("/proc/self/mountinfo", from: 0, count: 1 << 20)) ?? []
        return MountTable(String(decoding: text, as: UTF8.self)).mount(of: path)
    }

    package func overwritesInPlace(_ path: String, makes: Bool) throws(FileSystemFailure) -> Bool {
        let file = try Self.open(path, makes ? O_RDWR | O_CREAT | O_NOFOLLOW : O_RDONLY | O_NOFOLLOW)
        defer { _ = Glibc.close(file) }
        return csqlite_overwrites_in_place(file, 0) != 0
    }

    package func holdIndex(_ path: String) throws(FileSystemFailure) -> (any ReservableFile)? {
        let file = try Self.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, .writing())
        if csqlite_clear_unused_index(file) == 0 { return SystemOpenFile(file, path: path) }
        _ = Glibc.close(file)
        return nil
    }

    package func readers(ofWALIndex path: String) -> [Int32] {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, let text = try? read("/proc/locks", from: 0, count: 1 << 20) else {
            return []
        }
        return LockTable(String(decoding: text, as: UTF8.self))
            .readers(ofWALIndex: UInt64(status.st_ino))
            .filter { $0 != getpid() }
    }

    /// The process that holds the `flock` on a file; nil when none does that this one sees. Where the system has no table
    /// of locks it is `expected`, if there is such a process.
    func holder(ofLock path: String, expected: Int32?) -> Int32? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        let expectedLives = expected.map { kill($0, 0) == 0 || errno == EPERM } ?? false
        // The kernel gives the table in pieces of 4 KiB, and leaves out a lock when an earlier one goes away between two of
        // them. So a process that says it has the lock, and lives, is looked for again.
        for _ in 0..<(expectedLives ? 10 : 1) {
            guard let text = try? read("/proc/locks", from: 0, count: 1 << 20) else {
                return expectedLives ? expected : nil
            }
            let holder = LockTable(String(decoding: text, as: UTF8.self))
                .holder(ofFile: UInt64(status.st_ino), device: UInt64(status.st_dev), expected: expected)
            if let holder { return holder }
        }
        return nil
    }

    package func openLockFile(_ path: String) throws(FileSystemFailure) -> any LockFile {
        SystemOpenFile(try Self.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, .writing()), path: path)
    }

    package func openLockFileToRead(_ path: String) throws(FileSystemFailure) -> (any LockFile)? {
        do throws(FileSystemFailure) {
            return SystemOpenFile(try Self.open(path, O_RDONLY | O_NOFOLLOW, .reading), path: path)
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }

    /// Opens, or creates with mode 0600, for this process and not for those that it starts, and waits for nobody: a FIFO
    /// would have it wait for a writer.
    ///
    /// - Parameter rules: what was opened must keep them. It is looked at once it is open, as a name may stand for another
    ///   file a moment later.
    fileprivate static func open(
        _ path: String,
        _ flags: Int32,
        _ rules: FileRules? = nil
    ) throws(FileSystemFailure) -> Int32 {
        let file = unsafe Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard file >= 0 else { throw FileSystemFailure(errno: errno, action: "open \(path)") }
        do throws(FileSystemFailure) {
            if let breach = try rules?.breach(by: status(ofOpen: file, path), at: path) {
                throw FileSystemFailure(breach)
            }
        } catch {
            _ = Glibc.close(file)
            throw error
        }
        // While it is empty it can still be asked for.
        if flags & O_CREAT != 0 { _ = csqlite_overwrites_in_place(file, 1) }
        return file
    }

    fileprivate static func status(ofOpen file: Int32, _ path: String) throws(FileSystemFailure) -> FileStatus {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else {
            throw FileSystemFailure(errno: errno, action: "look at \(path)")
        }
        return FileStatus(status)
    }

    /// - Returns: fewer bytes at the end of the file.
    private static func read(_ file: Int32, _ most: Int, path: String) throws(FileSystemFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: most)
        var count = 0
        while count < most {
            let step = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(file, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            guard step >= 0 else { throw FileSystemFailure(errno: errno, action: "read \(path)") }
            if step == 0 { break }
            count += step
        }
        bytes.removeLast(most - count)
        return bytes
    }

    fileprivate static func write(
        _ bytes: [UInt8],
        to file: Int32,
        at offset: Int,
        path: String
    ) throws(FileSystemFailure) {
        var count = 0
        while count < bytes.count {
            let step = unsafe bytes.withUnsafeBytes { buffer in
                unsafe pwrite(
                    file,
                    buffer.baseAddress?.advanced(by: count),
                    buffer.count - count,
                    off_t(offset + count)
                )
            }
            // A file system that takes nothing, and does not say why, would be asked for ever.
            guard step > 0 else { throw FileSystemFailure(errno: step < 0 ? errno : EIO, action: "write \(path)") }
            count += step
        }
    }
}

extension FileStatus {
    fileprivate init(_ status: stat) {
        self.init(
            isRegularFile: status.st_mode & S_IFMT == S_IFREG,
            isSymbolicLink: status.st_mode & S_IFMT == S_IFLNK,
            owner: status.st_uid,
            permissions: status.st_mode & 0o7777,
            bytes: Int(status.st_size),
            names: Int(status.st_nlink),
            identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        )
    }
}

extension FileSystem where Self == SystemFileSystem {
    package static var system: SystemFileSystem { SystemFileSystem() }
}

/// An open file. Its lock is a `flock`, which the kernel releases when the process dies.
///
/// Not closed in a deinit: nothing could tell whether SQLite had closed a database by then.
private final class SystemOpenFile: ReservableFile, LockFile {
    private let path: String
    private let descriptor: Mutex<Int32?>
    private let generation = ForkGuard.generation

    init(_ descriptor: Int32, path: String) {
        self.path = path
        self.descriptor = Mutex(descriptor)
    }

    /// No file once it is closed: each call fails then.
    private var file: Int32 { descriptor.withLock { $0 } ?? -1 }

    func status() throws(FileSystemFailure) -> FileStatus {
        try SystemFileSystem.status(ofOpen: file, path)
    }

    func tryLock() -> Bool { flock(file, LOCK_EX | LOCK_NB) == 0 }

    func close() {
        guard let file = descriptor.withLock({ $0.take() }) else { return }
        // Closing alone would not do: a child that is being forked at this moment holds the same lock until its exec.
        // But such a child must not let its parent's lock go.
        if generation == ForkGuard.generation {
            csqlite_show_lock(file, 0)
            flock(file, LOCK_UN)
        }
        _ = Glibc.close(file)
    }

    // MARK: To reserve

    func reserve(_ bytes: Int) throws(FileSystemFailure) {
        guard let file = descriptor.withLock({ $0 }) else { return }
        // XFS wants room for all that it is asked for, also for what has its place: ask for what is missing. The blocks may
        // be a few more than those of the bytes.
        var status = stat()
        let allocated = unsafe fstat(file, &status) == 0 ? Int(status.st_blocks) * 512 : 0
        if allocated >= bytes { return }
        let start = max(0, allocated - (256 << 10)) & ~4_095
        let code = csqlite_fallocate_keeping_size(file, Int64(start), Int64(bytes - start))
        guard [0, EOPNOTSUPP, ENOSYS].contains(code) else {
            throw FileSystemFailure(errno: code, action: "reserve \(bytes) bytes for \(path)")
        }
    }

    var overwritesInPlace: Bool { csqlite_overwrites_in_place(file, 0) != 0 }

    func startWriting() {
        if let file = descriptor.withLock({ $0 }) { csqlite_start_writing(file) }
    }

    // MARK: To lock

    func showLock() { csqlite_show_lock(file, 1) }

    var isHeld: Bool { csqlite_shows_lock(file) != 0 }

    func readText() -> String {
        var bytes = [UInt8](repeating: 0, count: 1_024)
        let count = unsafe pread(file, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    func write(_ text: String, at offset: Int) throws(FileSystemFailure) {
        guard let file = descriptor.withLock({ $0 }) else { return }
        try SystemFileSystem.write(Array(text.utf8), to: file, at: offset, path: path)
    }

    func sync() throws(FileSystemFailure) {
        guard fsync(file) == 0 else { throw FileSystemFailure(errno: errno, action: "sync \(path)") }
    }
}
