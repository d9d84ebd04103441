/// The calls that a spool makes to its disk, by SQLite or by itself.
package enum DiskCall: String, Sendable, CaseIterable {
    // SQLite's.
    case open, read, write, truncate, sync, fileSize, lock, checkReservedLock, access, delete, shmMap, shmLock
    // The spool's own.
    case status, names, create, syncDirectory, rename, remove, readFile, reserve, availableBytes
    case openLockFile, tryLock, writeLockFile

    /// How the call can fail in real life.
    package var faults: [Fault.Kind] {
        switch self {
        case .write: [.inputOutput, .noSpace, .shortWrite]
        case .open, .create, .reserve, .openLockFile, .writeLockFile, .shmMap: [.inputOutput, .noSpace]
        case .sync, .syncDirectory: [.sync]
        case .lock, .shmLock: [.inputOutput, .lock]
        case .tryLock: [.lock]
        case .read, .truncate, .fileSize, .checkReservedLock, .access, .delete, .status, .names, .rename, .remove,
            .readFile, .availableBytes:
            [.inputOutput]
        }
    }
}

/// What a call does to what is on the disk.
enum DiskChange {
    case nothing
    case write(file: Int, offset: Int, bytes: [UInt8])
    case truncate(file: Int, size: Int)
    case sync(file: Int)
    case create(name: String)
    case remove(name: String)
    case rename(name: String, to: String)
    case syncDirectory
}
