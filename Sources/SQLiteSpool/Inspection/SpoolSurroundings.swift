/// The files of a spool, looked at without opening any that SQLite has open.
package struct SpoolSurroundings: Sendable, Equatable {
    package var databaseBytes: Int
    /// What the WAL's file has. It keeps up to 16 MiB after all of it was moved into the database.
    package var walBytes: Int
    /// Bytes that an ordinary user may still fill on the disk; nil when that cannot be told.
    package var freeBytes: Int?
    /// The names of damaged files that were set aside, without their WALs, the oldest first.
    package var quarantined: [String]
    /// Other processes that keep a read transaction open, as far as the system tells; the owner is not one of them.
    package var readers: [Int32]
    package var owner: SpoolOwner
}

extension SpoolSurroundings {
    /// - Throws: ``SpoolError`` with code `refused` when there is no spool at `path`, or its lock is not a file of its
    ///   owner's.
    package init(ofSpoolAt path: String) throws(SpoolError) {
        let fileSystem = SystemFileSystem.system
        let path = try absolutePath(ofFile: path)
        let directory = directory(ofFile: path)
        self = try SpoolError.wrapping {
            guard let database = try fileSystem.status(of: path) else {
                throw SpoolError(.refused, "there is no file \(path)")
            }
            let lock = path + ".lock"
            let found = try fileSystem.readNote(ofSpool: path, database)
            // The lock file may be gone or another one: an owner has the database's own file locked as well.
            let owner = SpoolOwner(lockFile: found?.text, isHeld: found?.isHeld ?? false) { expected in
                fileSystem.holder(ofLock: lock, expected: expected)
                    ?? fileSystem.holder(ofLock: path, expected: expected)
            }
            return Self(
                databaseBytes: database.bytes,
                walBytes: try fileSystem.status(of: path + "-wal")?.bytes ?? 0,
                freeBytes: try? fileSystem.availableBytes(at: directory),
                quarantined: Self.quarantined(
                    (try? fileSystem.names(in: directory)) ?? [],
                    spool: String(path.dropFirst(directory.count))
                ),
                readers: fileSystem.readers(ofWALIndex: path + "-shm").filter { $0 != owner.process },
                owner: owner
            )
        }
    }

    static func quarantined(_ names: [String], spool name: String) -> [String] {
        let prefix = "\(name).damaged-"
        return names.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("-") }.sorted()
    }
}
