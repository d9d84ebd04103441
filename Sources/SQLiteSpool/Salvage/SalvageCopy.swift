internal import Foundation
internal import Glibc

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
        /// Files beside the new one that are named like what this makes on its way. They are as they were.
        package let leftAlone: OpeningNotice?
    }

    private let broken: String
    private let target: String
    private let fileSystem: any FileSystem
    private let now: WallInstant

    /// What nobody else has a name for, so that nothing of theirs is written over or removed.
    private let uuid = UUID().uuidString.lowercased()

    /// - Throws: ``SpoolError`` with code `refused` when there is no file `broken`, or one at `target`, or the name of
    ///   `target` is one that writers give to their own files.
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
            guard let status = try fileSystem.status(of: source) else {
                throw SpoolError(.refused, "there is no file \(source)")
            }
            try fileSystem.check(source, .reading)
            for suffix in SpoolFileNames.beside + ["-wal.original"] {
                try fileSystem.check(source + suffix, .reading(beside: status))
            }
            if let reason = SpoolFileNames.reasonToRefuse(output: new) { throw SpoolError(.refused, reason) }
            for suffix in [""] + SpoolFileNames.beside where try fileSystem.status(of: new + suffix) != nil {
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
            // Its lock file may be gone.
            let database = try fileSystem.openLockFileToRead(broken)
            defer { database?.close() }
            guard database?.tryLock() != false else {
                throw SpoolError(
                    .inUse,
                    "the spool \(broken) is in use by a process, under this or another name; stop it first"
                )
            }
            let directory = directory(ofFile: target)
            let strangers = SpoolFileNames.strangers(
                in: try fileSystem.names(in: directory),
                spool: String(target.dropFirst(directory.count)),
                draft: nil
            )
            defer { for suffix in suffixes { for file in [copy, draft] { try? fileSystem.remove(file + suffix) } } }
            try copyFiles()
            let source = try DatabaseFile(path: copy, fileSystem)
            let reason = try findDamage(in: source, note)
            let loss = try source.salvage(into: draft, reason: reason, note, now: now)
            let letters = try Database(path: draft, access: .readWrite, vfs: fileSystem.vfs).countLetters(.all)
            guard loss.salvaged + letters > 0 || (try? source.openForReading()) != nil else {
                throw SpoolError(.refused, "nothing of \(broken) can be read as a spool: \(reason)")
            }
            try moveToTarget()
            try fileSystem.syncDirectory(directory)
            return Report(
                path: target,
                loss: loss,
                deadLetters: letters,
                wasSetAside: wasSetAside,
                leftAlone: strangers.isEmpty
                    ? nil : .leftAlone(strangers.map { directory + $0 }, "this salvage did not make it")
            )
        }
    }

    private let suffixes = [""] + SpoolFileNames.ofSQLite + ["-wal.repaired", "-wal.original"]

    private func moveToTarget() throws {
        do throws(FileSystemFailure) {
            try fileSystem.rename(draft, toNew: target)
        } catch {
            guard error.errno == EEXIST else { throw error }
            throw SpoolError(.refused, "\(target) was made by another program meanwhile; give the name of a new file")
        }
    }

    private var copy: String { "\(target).salvaging-copy-\(uuid)" }
    private var draft: String { "\(target).salvaging-\(uuid)" }
    private var wasSetAside: Bool { broken.dropFirst(directory(ofFile: broken).count).contains(".damaged-") }

    /// Holds the owner's lock without a word in its note, which is evidence.
    private func lockOut() throws -> (lock: OpenFile?, note: OwnerNote?) {
        guard let lock = try fileSystem.openLockFileToRead(broken + ".lock") else { return (nil, nil) }
        let text = lock.readText()
        guard lock.tryLock() else {
            lock.close()
            throw SpoolError.inUse(broken, lockFile: text, "stop it first")
        }
        return (lock, OwnerNote(text))
    }

    private func copyFiles() throws {
        try fileSystem.copy(broken, to: copy)
        let wals = [broken + "-wal", broken + "-wal.original"]
        if let wal = try wals.first(where: { try fileSystem.status(of: $0) != nil }) {
            try fileSystem.copy(wal, to: copy + "-wal")
        }
    }

    /// Looks at all of the file.
    private func verify(_ source: DatabaseFile, _ note: OwnerNote?) throws {
        let database = try source.connect()
        _ = try source.checkIdentity(of: database, hasPrevious: note != nil)
        try source.checkWAL(of: database, note)
        // The rest is looked at in the form that a migration gives it.
        guard try database.hasNewestSchema() else { return try database.verifyStructure() }
        try database.verify()
        if try note?.isAhead(of: database.readLedger()) == true {
            throw SpoolError(.damaged, "the newest of what was committed is not in it")
        }
    }

    /// - Returns: what is wrong with the file.
    private func findDamage(in source: DatabaseFile, _ note: OwnerNote?) throws -> String {
        do throws(SpoolError) {
            try SpoolError.wrapping { try verify(source, note) }
        } catch {
            // It is about the file, and not about its copy.
            let message = error.message.replacing(copy, with: broken)
            guard error.code == .damaged else { throw SpoolError(error.code, message, cause: error.cause) }
            return error.cause?.message ?? message
        }
        if wasSetAside { return "a writer had set it aside" }
        throw SpoolError(
            .refused,
            "\(broken) is sound, there is nothing to salvage, and nothing was changed; start its owner, or deliver it: spoolctl drain"
        )
    }
}
