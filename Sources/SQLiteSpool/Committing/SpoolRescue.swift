internal import Foundation

/// Writes what the open files of a spool hold to a file with a name, when their own names were removed, moved or given to other
/// files. As long as SQLite has them open, everything that was committed is in them.
struct SpoolRescue {
    /// Where the spool is to be.
    let home: DatabaseFile
    let lock: SpoolLock
    let names: OpenNames
    let configuration: SpoolConfiguration
    let clock: any WallClock

    /// Where the spool is now.
    struct Place: ~Copyable {
        let file: DatabaseFile
        let hold: DatabaseHold
        var connection: SpoolConnection
        let reader: DatabaseQueue
        let mark: WALMark
    }

    private var fileSystem: any FileSystem { home.fileSystem }

    /// Returns when the new file is whole, synced, opened and verified. The path is taken when it is free, and a dated name beside
    /// it when another file has it, which is left as it is.
    func run(from connection: borrowing SpoolConnection) throws(SpoolError) -> Place {
        try SpoolError.wrapping {
            // The WAL that it needs to begin with comes on top.
            let needed = connection.usage.databaseBytes + (1 << 20)
            let free = try fileSystem.availableBytes(at: home.directory)
            guard free > needed else {
                throw SpoolError(.full, "the disk has \(free) bytes free, and \(needed) are needed; free some space")
            }
            let date = try Quarantine(path: home.path, fileSystem: fileSystem, lock: lock).unusedDate(clock.now)
            let draft = "\(home.path).displaced-\(UUID().uuidString.lowercased())"
            try fileSystem.createPrivateFile(draft)
            do {
                try copy(connection, to: draft)
                var place = try place(draft, at: lockTarget(date), date)
                place.connection.ages = connection.ages
                return place
            } catch {
                try? fileSystem.remove(draft)
                throw error
            }
        }
    }

    /// - Returns: the path that the spool is to have; its lock file is held.
    private func lockTarget(_ date: String) throws -> String {
        let found = try fileSystem.status(of: home.path)?.identity
        if found == nil || found == lock.database?.identity {
            do throws(SpoolError) {
                try lock.move(to: home.path, clock.now)
                return home.path
            } catch {
                // Another owner has the path.
                guard error.code == .inUse else { throw error }
            }
        }
        let target = "\(home.path).displaced-\(date)"
        try lock.move(to: target, clock.now)
        return target
    }

    private func copy(_ connection: borrowing SpoolConnection, to draft: String) throws {
        let target = try Database(path: draft, access: .readWrite, vfs: fileSystem.vfs)
        try target.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL")
        try connection.database.copy(into: target)
        // It goes on as the same spool: what is pending in it was sent by none but this owner.
        let schema = try target.integer("PRAGMA schema_version")
        try target.write(FileMark(marks: fileSystem.marks(of: draft), openSchema: schema))
    }

    private func place(_ draft: String, at target: String, _ date: String) throws -> Place {
        let hold = try DatabaseHold(draft, on: home.mount, fileSystem)
        do {
            // A WAL that stays beside another file, the new one or the one that has the path, would be taken for its own. The draft
            // has what is in ours.
            for path in [home.path, target] where fileSystem.leads(path + "-wal", to: names.wal) {
                try fileSystem.remove(path + "-wal")
                try fileSystem.remove(path + "-shm")
            }
            for suffix in ["-wal", "-journal"] where try fileSystem.status(of: target + suffix) != nil {
                try fileSystem.rename(target + suffix, toNew: "\(home.path).displaced-\(date)\(suffix)")
            }
            try fileSystem.remove(target + "-shm")
            let file = try DatabaseFile(path: target, fileSystem)
            // What may find no room comes before the draft has a name that a restart opens.
            _ = try file.makeFilesOfWAL(hold)
            try fileSystem.syncDirectory(home.directory)
            if let database = lock.database, fileSystem.leads(target, to: database.identity) {
                try fileSystem.rename(draft, to: target)
            } else {
                try fileSystem.rename(draft, toNew: target)
            }
            try fileSystem.syncDirectory(home.directory)
            return try open(file, hold)
        } catch {
            hold.close()
            throw error
        }
    }

    private func open(_ file: DatabaseFile, _ hold: DatabaseHold) throws -> Place {
        var connection = try SpoolConnection(database: file.reopen(configuration), configuration, clock: clock)
        try connection.confirm()
        return Place(
            file: file,
            hold: hold,
            connection: connection,
            reader: DatabaseQueue(try file.openForOwnReading(), label: "clickhouse-spool-reader"),
            mark: WALMark(try file.openForOwnReading())
        )
    }
}
