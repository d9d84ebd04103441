internal import Foundation

/// A broken spool's readable part as a new file, made by hand: for a file whose owner will not start again.
///
/// The broken file and its WAL are only read: what SQLite would do to them is done to a copy.
package struct SalvageCopy {
    /// What came of it.
    package struct Report: Sendable, Equatable {
        /// The new file's absolute path.
        package let path: String
        /// What was wrong, what is in the new file, and what is not.
        package let loss: SpoolLoss
        /// Dead letters in the new file, those that the salvage set aside among them.
        package let deadLetters: Int
        /// Whether a writer had set the file aside: what was readable of it then has gone on in the writer's new file.
        package let wasSetAside: Bool
    }

    private let broken: String
    private let target: String
    private let fileSystem: any FileSystem
    private let now: WallInstant

    /// - Throws: ``SpoolError`` with code `refused` when there is no file `broken`, or one at `target`.
    package init(
        of broken: String,
        to target: String,
        fileSystem: any FileSystem = .system,
        now: WallInstant = SystemWallClock().now
    ) throws(SpoolError) {
        self.broken = try absolutePath(ofFile: broken)
        self.target = try absolutePath(ofFile: target)
        self.fileSystem = fileSystem
        self.now = now
        let (source, new) = (self.broken, self.target)
        try SpoolError.wrapping {
            guard try fileSystem.status(of: source)?.isRegularFile == true else {
                throw SpoolError(.refused, "there is no file \(source)")
            }
            for suffix in ["", "-wal", ".lock"] where try fileSystem.status(of: new + suffix) != nil {
                throw SpoolError(.refused, "\(new)\(suffix) exists; give the name of a new file")
            }
        }
    }

    /// - Throws: ``SpoolError`` with code `inUse` when the broken file's owner lives, `refused` when the file is no spool,
    ///   or sound.
    package func run() throws(SpoolError) -> Report {
        try SpoolError.wrapping {
            let (lock, note) = try lockOut()
            defer { lock?.close() }
            defer { for suffix in ["", "-wal", "-shm"] { try? fileSystem.remove(copy + suffix) } }
            let wasRepaired = try copyFiles(note)
            let source = try SpoolFile(path: copy, fileSystem)
            let reason = try findDamage(in: source, note, wasRepaired)
            defer { for suffix in ["", "-journal", "-wal", "-shm"] { try? fileSystem.remove(draft + suffix) } }
            try fileSystem.createPrivateFile(draft)
            let loss = try source.salvage(into: draft, reason: reason, previous: note, now: now)
            let letters = try finishDraft()
            guard loss.salvaged + letters > 0 || (try? source.openForReading()) != nil else {
                throw SpoolError(.refused, "nothing of \(broken) can be read as a spool: \(reason)")
            }
            try fileSystem.rename(draft, to: target)
            try fileSystem.syncDirectory(directory(ofFile: target))
            return Report(path: target, loss: loss, deadLetters: letters, wasSetAside: wasSetAside)
        }
    }

    private var copy: String { target + ".salvaging-copy" }
    private var draft: String { target + ".salvaging" }
    private var wasSetAside: Bool { broken.dropFirst(directory(ofFile: broken).count).contains(".damaged-") }

    /// Holds the owner's lock without a word in its note, which is evidence.
    private func lockOut() throws -> (lock: (any LockFile)?, note: OwnerNote?) {
        let path = broken + ".lock"
        guard try fileSystem.status(of: path) != nil else { return (nil, nil) }
        let lock = try fileSystem.openLockFile(path)
        let text = lock.readText()
        guard lock.tryLock() else {
            lock.close()
            throw SpoolError(
                .inUse,
                "the spool \(broken) is in use by process \(OwnerNote.process(in: text) ?? "(unknown)"); stop it first"
            )
        }
        return (lock, OwnerNote(text))
    }

    /// - Returns: whether SQLite would not have read all of the WAL.
    private func copyFiles(_ note: OwnerNote?) throws -> Bool {
        // A salvage that was killed may have left them.
        for suffix in ["", "-journal", "-wal", "-shm"] {
            try fileSystem.remove(copy + suffix)
            try fileSystem.remove(draft + suffix)
        }
        try FileManager.default.copyItem(atPath: broken, toPath: copy)
        // What SQLite has changed in a WAL since it was found damaged is in the other one.
        for suffix in ["-wal.original", "-wal"] where try fileSystem.status(of: broken + suffix) != nil {
            let wal = try fileSystem.read(broken + suffix)
            // After a power cut without syncs, what comes behind a missing frame must not be read.
            let repaired = note?.durability == .processCrash ? nil : WALRepair(wal)?.bytes
            try fileSystem.write(repaired ?? wal, to: copy + "-wal")
            return repaired != nil
        }
        return false
    }

    /// - Returns: what is wrong with the file.
    private func findDamage(in source: SpoolFile, _ note: OwnerNote?, _ wasRepaired: Bool) throws -> String {
        do throws(SpoolError) {
            try source.verify(previous: note)
        } catch {
            // It is about the file, and not about its copy.
            let message = error.message.replacing(copy, with: broken)
            guard error.code == .damaged else { throw SpoolError(error.code, message, cause: error.cause) }
            return error.cause?.message ?? message
        }
        if wasRepaired { return "its write-ahead log was damaged" }
        if wasSetAside { return "a writer had set it aside" }
        throw SpoolError(
            .refused,
            "\(broken) is sound, there is nothing to salvage; start its owner, or deliver it: spoolctl drain"
        )
    }

    /// - Returns: its dead letters.
    private func finishDraft() throws -> Int {
        let database = try Database(path: draft, access: .readWrite, vfs: fileSystem.vfs)
        try database.execute("PRAGMA journal_mode = WAL")
        return try database.countLetters(.all)
    }
}
