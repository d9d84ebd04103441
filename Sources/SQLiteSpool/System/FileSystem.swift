internal import CSQLite
internal import Glibc

/// The files of a spool, apart from what SQLite does with them, and the SQLite VFS that goes with them.
///
/// Injected so that a disk that fails, or forgets what was not synced, can stand in for the real one. The files are real ones there
/// too; it decides what becomes of each call.
package protocol FileSystem: Sendable {
    /// The registered SQLite VFS that reads and writes the same files; nil is SQLite's default.
    var vfs: String? { get }

    /// Asked before each call that may fail or changes something.
    ///
    /// - Returns: whether the call is to be made; false where its effect was had in another way, which only a sync allows.
    /// - Throws: what the call fails with.
    @discardableResult
    func willMake(_ call: FileCall) throws(FileSystemFailure) -> Bool

    /// What tells a file from every copy of it, wherever its disk is mounted: inode number and birth time. nil when that is not
    /// known. Not the number of the device or file system: those change when the machine starts.
    func marks(of path: String) -> String?

    /// The file system that holds an absolute path without symbolic links; nil where that is not known.
    func mount(of path: String) -> Mount?
}

/// A call to the operating system that may fail.
package enum FileCall: Sendable {
    case status(of: String)
    case names(in: String)
    case availableBytes(at: String)
    case read(String)
    case open(String)
    case openLock(String, creates: Bool)
    case tryLock
    case reserve(String)
    case create(String)
    case remove(String)
    case rename(String, to: String, replaces: Bool)
    case write([UInt8], to: String, at: Int)
    case writeLock([UInt8], to: String, at: Int)
    case sync(String)
    case syncDirectory(String)
}

/// A call to the operating system that failed, or was not made because of what a file is.
package struct FileSystemFailure: Error {
    /// 0 where no call has failed.
    package let errno: Int32
    package let message: String

    /// What says that there is no room, and nothing else does.
    static let fullDisk = [ENOSPC, EDQUOT, EFBIG]

    var isFullDisk: Bool { Self.fullDisk.contains(errno) }

    package init(errno: Int32, action: String) {
        self.errno = errno
        message = unsafe "cannot \(action): \(String(cString: strerror(errno)))"
    }

    init(_ breach: FileBreach) {
        errno = 0
        message = breach.message
    }

    /// - Parameter code: what a call has returned; `errno` says why it is below 0.
    /// - Returns: the same.
    @discardableResult
    static func check(_ code: Int32, _ action: @autoclosure () -> String) throws(FileSystemFailure) -> Int32 {
        if code >= 0 { return code }
        let cause = Glibc.errno
        throw FileSystemFailure(errno: cause, action: action())
    }
}

/// What `lstat` or `fstat` says of a file.
package struct FileStatus: Sendable {
    package let isRegularFile: Bool
    package let isSymbolicLink: Bool
    package let owner: UInt32
    /// The permission bits, for example 0o600.
    package let permissions: UInt32
    package let bytes: Int
    /// Its hard links.
    var names = 1
    var identity = FileIdentity(device: 0, inode: 0)
}

extension FileStatus {
    init(_ status: stat) {
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

/// Which file it is, until the system starts anew.
package struct FileIdentity: Sendable, Hashable {
    let device: UInt64
    let inode: UInt64
}

/// The operating system's own files.
package struct SystemFileSystem: FileSystem {
    private let pretended: Mount?

    /// - Parameter mount: what all files are taken to be on; nil asks the system.
    package init(on mount: Mount? = nil) {
        pretended = mount
    }

    package func mount(of path: String) -> Mount? { pretended ?? MountTable.current.mount(of: path) }
}

extension FileSystem where Self == SystemFileSystem {
    package static var system: SystemFileSystem { SystemFileSystem() }
}

extension FileSystem {
    package var vfs: String? { nil }

    @discardableResult
    package func willMake(_ call: FileCall) throws(FileSystemFailure) -> Bool { true }

    package func marks(of path: String) -> String? {
        let birth = unsafe csqlite_birth_time(path)
        guard birth > 0, let inode = (try? SystemFileSystem().status(of: path))?.identity.inode else { return nil }
        return "inode \(inode), born \(birth)"
    }

    package func mount(of path: String) -> Mount? { SystemFileSystem().mount(of: path) }
}
