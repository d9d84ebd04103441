internal import CSQLite

/// Whether the disk has room for records, and that there is always room to let them go.
///
/// On a full disk neither an INSERT nor a DELETE nor a checkpoint goes through, so what ClickHouse accepted could never be
/// let go, and nothing would ever become free. So the WAL has its place on the disk before anything is written, and the
/// database before the WAL is to be moved there: then acknowledging takes no room. The WAL's index is
/// reserved too: SQLite writes it through memory, and a missing block on a full disk is SIGBUS.
struct DiskRoom {
    /// What the WAL may grow to between two checkpoints, and a transaction on top.
    let walBytes: Int

    private let lock: SpoolLock
    private var walPath: String
    private let directory: String
    private let fileSystem: any FileSystem
    private let limit: Int

    /// Opened when there is a WAL, and kept: where a process has no descriptor left the disk is not full.
    private var wal: OpenFile?

    /// SQLite found no room, or the WAL got none.
    private(set) var isFull = false
    private var nextTry = ContinuousClock.now

    /// Why the WAL has no place of its own; nil when it has.
    private(set) var failure: String?

    /// Bytes that may come in before the disk is looked at again.
    private var allowance = 0
    private var lastCapacity = 0

    /// What is left to other users of the disk.
    private static let reserveBytes = 4 << 20
    private static let largestAllowance = 64 << 20

    /// The bytes that are reserved for the database, and the frames that the WAL's index has blocks for.
    private var databaseBytes = 0
    private var indexedFrames = 0

    /// Room for the commits to come, so that not every one has to ask for its own.
    private static let bytesAhead = 4 << 20

    /// - Parameter lock: the owner's, which has the database's file open.
    init(spool path: String, _ lock: SpoolLock, _ configuration: SpoolConfiguration) {
        self.lock = lock
        walPath = path + "-wal"
        directory = SQLiteSpool.directory(ofFile: path)
        fileSystem = configuration.fileSystem
        limit = configuration.limits.maxBytes
        walBytes = configuration.checkpoints.bytesAtMost + (4 << 20)
    }

    /// Goes on with another file of the same directory.
    mutating func move(to path: String) {
        walPath = path + "-wal"
        indexedFrames = 0
        close()
        didCheckpoint()
    }

    /// nil when it cannot be told.
    var availableBytes: Int? { try? fileSystem.availableBytes(at: directory) }

    /// Sees to it that the database has the room that so many new bytes will take once they are moved there, so that no
    /// checkpoint ever waits for a full disk, and the WAL's index that of their frames. To be called before they are written.
    ///
    /// It is asked of the system: SQLite's own way (`SQLITE_FCNTL_SIZE_HINT`) writes into each block where it was built
    /// without `posix_fallocate`, as Debian's is, so that each page of the database was written twice.
    ///
    /// - Parameter newBytes: 0 when records are only acknowledged: then nothing is reserved for the database.
    mutating func reserve(_ usage: SpoolUsage, for newBytes: Int) throws(SQLiteError) {
        // Pages of the b-trees and of the bookkeeping come on top.
        let written = newBytes + newBytes / 8 + (256 << 10)
        let frames = usage.walPages + written / usage.pageBytes
        let bytes = usage.databaseBytes + written
        do throws(FileSystemFailure) {
            if frames > indexedFrames {
                if indexedFrames == 0 { try lock.database?.followIndex(walPath.dropLast(3) + "shm", fileSystem) }
                indexedFrames = try lock.database?.reserveIndex(ofFrames: frames) ?? 0
            }
            guard newBytes > 0, bytes > databaseBytes else { return }
            try lock.database?.file.reserve(bytes + Self.bytesAhead)
            databaseBytes = bytes + Self.bytesAhead
        } catch {
            guard error.isFullDisk else { return }
            throw SQLiteError(code: SQLITE_FULL, message: error.message, action: "write")
        }
    }

    func didMoveSlice() {
        lock.database?.file.startWriting()
    }

    /// The WAL was moved into the database: SQLite has cut that to what is in it.
    mutating func didCheckpoint() {
        databaseBytes = 0
        reserveWAL()
    }

    /// Gives the WAL its place. To be called when there is one, and when it was cut.
    mutating func reserveWAL() {
        do throws(FileSystemFailure) {
            if wal == nil { wal = try fileSystem.openToReserve(walPath) }
            try wal?.reserve(walBytes)
            failure = nil
        } catch {
            // Before the first commit there is no WAL.
            failure = error.isFullDisk ? error.message : nil
        }
        isFull = failure != nil
    }

    mutating func close() {
        wal?.close()
        wal = nil
    }

    /// Whether records may come in at all.
    mutating func isReady() -> Bool {
        if isFull, nextTry <= .now {
            nextTry = .now + .milliseconds(250)
            reserveWAL()
        }
        return !isFull
    }

    mutating func didFill() {
        isFull = true
        allowance = 0
        nextTry = .now + .milliseconds(250)
    }

    /// How many bytes the spool may have in use: the limit, or less where the disk has not that much.
    mutating func capacity(_ usage: SpoolUsage, for newBytes: Int) -> Int {
        if newBytes == 0 { return limit }
        allowance -= newBytes
        if allowance < 0 {
            // When nobody can tell, SQLite will. Some file systems say that they have more than can be added up.
            let free = max(0, min(availableBytes ?? .max, .max / 2) - Self.reserveBytes)
            allowance = min(free / 2, Self.largestAllowance)
            lastCapacity = min(limit, usage.databaseBytes + free)
        }
        return lastCapacity
    }
}
