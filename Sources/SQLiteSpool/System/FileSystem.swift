internal import Glibc

/// The files of a spool, apart from what SQLite does with them: the calls to the operating system that it needs, and
/// the SQLite VFS that goes with them.
///
/// Injected so that a disk that fails, or forgets what was not synced, can stand in for the real one.
package protocol FileSystem: Sendable {
    /// The registered SQLite VFS that reads and writes the same files; nil is SQLite's default.
    var vfs: String? { get }

    /// What is at `path` itself, symbolic links not followed; nil when nothing is.
    func status(of path: String) throws(FileSystemFailure) -> FileStatus?

    /// What tells a file from every copy of it, wherever its disk is mounted: inode number and birth time. nil when that is not
    /// known. Not the number of the device or file system: those change when the machine starts.
    func marks(of path: String) -> String?

    /// Whether `path` itself leads to this file; symbolic links are not followed. True too where the system does not tell: only
    /// a name that is gone, or another file's, is a reason to act.
    func leads(_ path: String, to file: FileIdentity) -> Bool

    /// The names in a directory, in no order.
    func names(in directory: String) throws(FileSystemFailure) -> [String]

    /// Creates an empty file that only its owner may read and write. Fails when there is one already.
    func createPrivateFile(_ path: String) throws(FileSystemFailure)

    /// Makes the names in a directory survive a power cut.
    func syncDirectory(_ directory: String) throws(FileSystemFailure)

    /// Atomic; what was at `new` is gone.
    func rename(_ path: String, to new: String) throws(FileSystemFailure)

    /// Atomic. Fails when there is a file at `new`.
    func rename(_ path: String, toNew new: String) throws(FileSystemFailure)

    /// Does nothing when there is no such file.
    func remove(_ path: String) throws(FileSystemFailure)

    /// Reads a part of a file, which must be a regular one. Only for files that SQLite has not open in this process, or for a WAL:
    /// closing a database would drop SQLite's locks, which are on it and on the `-shm` file.
    ///
    /// - Returns: fewer bytes at the end of the file.
    func read(_ path: String, from offset: Int, count: Int) throws(FileSystemFailure) -> [UInt8]

    /// Writes a part of a file that is there. It is not synced. Same restriction as ``read(_:from:count:)``.
    func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileSystemFailure)

    /// Cuts a file. It is not synced. Same restriction as ``read(_:from:count:)``.
    func truncate(_ path: String, to bytes: Int) throws(FileSystemFailure)

    /// Makes what is in a file survive a power cut. Same restriction as ``read(_:from:count:)``.
    func sync(_ path: String) throws(FileSystemFailure)

    /// Opens a file, which SQLite may have open too, to reserve room for it.
    func openToReserve(_ path: String) throws(FileSystemFailure) -> any ReservableFile

    /// Bytes that an ordinary user may still fill on the disk of an existing file or directory.
    func availableBytes(at path: String) throws(FileSystemFailure) -> Int

    /// The file system that holds an absolute path without symbolic links; nil where that is not known.
    func mount(of path: String) -> Mount?

    /// Whether what is written over the file's bytes takes their place on the disk, so that it needs no room. Only for files
    /// that SQLite has not open in this process, as with ``read(_:)``.
    ///
    /// - Parameter makes: sees to it where that can be done: for a file that is absent, which is created, or empty.
    func overwritesInPlace(_ path: String, makes: Bool) throws(FileSystemFailure) -> Bool

    /// Clears the `-shm` file of a WAL, or creates it, so that it is overwritten in place, and keeps SQLite from cutting it, as a full
    /// disk might not give it back. Call it before SQLite opens the database.
    ///
    /// - Returns: the file, to be closed when SQLite has closed the database; nil when a connection has it open, or it cannot be
    ///   overwritten in place.
    func holdIndex(_ path: String) throws(FileSystemFailure) -> (any ReservableFile)?

    /// The other processes that keep a read transaction open on a SQLite database, by the `-shm` file of its WAL; empty
    /// when that cannot be told.
    func readers(ofWALIndex path: String) -> [Int32]

    /// Opens a file to be locked, or creates it, for this process and not for those that it starts.
    func openLockFile(_ path: String) throws(FileSystemFailure) -> any LockFile

    /// Opens the lock file of another owner to read it, and creates none; nil when there is none.
    func openLockFileToRead(_ path: String) throws(FileSystemFailure) -> (any LockFile)?
}

/// An open file for which room is reserved.
package protocol ReservableFile: Sendable {
    /// What was opened, whatever has that name by now.
    func status() throws(FileSystemFailure) -> FileStatus

    /// Takes the exclusive `flock` on the file, which SQLite's own locks do not touch on a local file system.
    ///
    /// - Returns: false when another open description holds it.
    func tryLock() -> Bool

    /// Gives the file its place on the disk for so many bytes, and leaves its length. Does nothing where the file system
    /// cannot do that.
    func reserve(_ bytes: Int) throws(FileSystemFailure)

    /// Whether what is written over its bytes takes their place on the disk.
    var overwritesInPlace: Bool { get }

    /// Has the system begin to write to the disk what was written to the file, and does not wait for it: the sync to come
    /// is short then. It promises nothing.
    func startWriting()

    /// For a database, to be called when SQLite has closed it: whichever descriptor a process closes, all the locks go that it has on
    /// the file (https://www.sqlite.org/howtocorrupt.html, 2.2).
    func close()
}

/// Whole files, in pieces: a WAL may be larger than the memory.
extension FileSystem {
    /// Creates a file that only its owner may read and write, with these bytes, and syncs it. Fails when there is one already.
    package func create(_ path: String, with bytes: [UInt8]) throws(FileSystemFailure) {
        try createPrivateFile(path)
        try write(bytes, to: path, at: 0)
        try sync(path)
    }

    /// Copies a file to a new one that only its owner may read and write. It is not synced. Fails when there is a file at `new`.
    func copy(_ path: String, to new: String) throws(FileSystemFailure) {
        try createPrivateFile(new)
        try forEachPiece(of: path) { (piece, offset) throws(FileSystemFailure) in try write(piece, to: new, at: offset)
        }
    }

    /// Writes what a file holds over it, and syncs it: what an earlier sync failed for is on the disk then, and not only in
    /// the system's memory. A power cut meanwhile leaves of each part what was there.
    func rewrite(_ path: String) throws(FileSystemFailure) {
        try forEachPiece(of: path) { (piece, offset) throws(FileSystemFailure) in try write(piece, to: path, at: offset)
        }
        try sync(path)
    }

    /// For small files only.
    package func contents(of path: String) throws(FileSystemFailure) -> [UInt8] {
        try read(path, from: 0, count: status(of: path)?.bytes ?? 1)
    }

    private func forEachPiece(
        of path: String,
        _ body: (_ piece: [UInt8], _ offset: Int) throws(FileSystemFailure) -> Void
    ) throws(FileSystemFailure) {
        var offset = 0
        while true {
            let piece = try read(path, from: offset, count: 1 << 20)
            if piece.isEmpty { return }
            try body(piece, offset)
            offset += piece.count
        }
    }
}

extension FileSystem {
    package func marks(of path: String) -> String? { nil }

    package func mount(of path: String) -> Mount? { nil }

    package func overwritesInPlace(_ path: String, makes: Bool) throws(FileSystemFailure) -> Bool { true }

    package func holdIndex(_ path: String) throws(FileSystemFailure) -> (any ReservableFile)? { nil }

    /// Reserves this number of bytes on the disk for a file. It may be a WAL that SQLite has open, as with ``read(_:from:count:)``,
    /// but no database.
    package func reserve(_ bytes: Int, for path: String) throws(FileSystemFailure) {
        let file = try openToReserve(path)
        defer { file.close() }
        try file.reserve(bytes)
    }
}

/// An open file with an exclusive `flock`, or with the hope of one.
package protocol LockFile: Sendable {
    /// What was opened, whatever has that name by now.
    func status() throws(FileSystemFailure) -> FileStatus

    /// - Returns: false when another open description holds the lock.
    func tryLock() -> Bool

    /// Shows others that the lock is held.
    func showLock()

    /// Whether an owner holds the lock, in whatever pid namespace. Locks nothing. False for an owner of an older version.
    var isHeld: Bool { get }

    /// The start of the file.
    func readText() -> String

    /// Overwrites a part of the file, without a sync.
    func write(_ text: String, at offset: Int) throws(FileSystemFailure)

    /// Makes what was written survive a power cut.
    func sync() throws(FileSystemFailure)

    /// Lets the lock go and closes the file.
    func close()
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
    package var names = 1
    package var identity = FileIdentity(device: 0, inode: 0)
}

/// Which file it is, until the system starts anew.
package struct FileIdentity: Sendable, Hashable {
    package let device: UInt64
    package let inode: UInt64
}
