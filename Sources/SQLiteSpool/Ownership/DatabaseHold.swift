internal import Synchronization

/// Proof of owning a database file, whatever it is called: an exclusive `flock` on its inode.
///
/// The same descriptor reserves room for the file. It is closed after SQLite has closed the file, and so is that of its `-shm`: whichever
/// descriptor of a file a process closes, SQLite's locks on it go (https://www.sqlite.org/howtocorrupt.html, 2.2).
final class DatabaseHold: Sendable {
    let file: OpenFile
    let identity: FileIdentity
    private let openIndex = Mutex<OpenFile?>(nil)

    /// The files that spools of this process hold. Another descriptor of one must not even be opened: closing it would drop
    /// SQLite's locks.
    private static let held = Mutex<Set<FileIdentity>>([])

    /// - Parameters:
    ///   - path: of an existing file.
    ///   - mount: the file system that it is on.
    /// - Throws: ``SpoolError`` with code `inUse` when a spool under any name has the file.
    init(_ path: String, on mount: Mount?, _ fileSystem: any FileSystem) throws {
        guard let found = try fileSystem.status(of: path)?.identity else {
            throw SpoolError(.failed, "\(path) was removed while it was opened; try again")
        }
        guard Self.held.withLock({ $0.insert(found).inserted }) else {
            throw SpoolError(.inUse, "the file \(path) is in use by another spool of this process")
        }
        identity = found
        var opened: OpenFile?
        do {
            let file = try fileSystem.openToReserve(path)
            opened = file
            guard try file.status().identity == found else {
                throw SpoolError(.failed, "\(path) was replaced while it was opened; try again")
            }
            // On a network file system `flock` may be a lock of the same kind as SQLite's, and would keep SQLite out.
            guard mount?.isNetwork == true || file.tryLock() else { throw Self.inUse(path) }
            self.file = file
        } catch {
            opened?.close()
            Self.held.withLock { _ = $0.remove(found) }
            throw error
        }
    }

    private static func inUse(_ path: String) -> SpoolError {
        let process = SystemFileSystem().holder(ofLock: path, expected: nil).map { "process \($0)" }
        return SpoolError(
            .inUse,
            """
            the file \(path) is in use by \(process ?? "a process of another container"), under this or another name; its \
            lock file was removed or replaced, or the file is mounted twice. Give every writer a spool of its own, or stop \
            that process
            """
        )
    }

    /// Keeps `-shm` open instead of an earlier one, which SQLite must not have open.
    func keep(index: OpenFile?) {
        openIndex.withLock { kept in
            kept?.close()
            kept = index
        }
    }

    /// Sees to it that `-shm` is what has that name: a process that closed the database before SQLite opened it here may have removed it.
    func followIndex(_ path: String, _ fileSystem: any FileSystem) throws(FileSystemFailure) {
        let kept = try openIndex.withLock { $0 }?.status().identity
        if let kept, fileSystem.leads(path, to: kept) { return }
        keep(index: try fileSystem.openToReserve(path))
    }

    /// Reserves blocks for the index of this many frames in `-shm`, and for 4,096 more if they are free. The index has 32 KiB for 4,096
    /// frames; its header takes 136 bytes of the first 32 KiB, as much as 34 frames
    /// (https://www.sqlite.org/walformat.html#the_wal_index_file_format). SQLite writes one byte in each 4 KiB, which reserves the whole of a
    /// block of that size or more.
    ///
    /// - Returns: for how many frames the index has its blocks now.
    /// - Throws: when the disk is full. Other failures are left to SQLite to report.
    @discardableResult
    func reserveIndex(ofFrames frames: Int) throws(FileSystemFailure) -> Int {
        guard let index = openIndex.withLock({ $0 }), let block = index.blockBytes, block < 4_096 else { return .max }
        let parts = (frames + 34) / 4_096 + 1
        do throws(FileSystemFailure) {
            if (try? index.reserve((parts + 1) << 15)) == nil { try index.reserve(parts << 15) }
        } catch  where !error.isFullDisk {}
        return parts * 4_096 - 35
    }

    /// Call it when SQLite has closed the file.
    func close() {
        keep(index: nil)
        file.close()
        Self.held.withLock { _ = $0.remove(identity) }
    }
}
