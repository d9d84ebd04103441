internal import Glibc
internal import Synchronization

/// Proof of owning a spool: an exclusive `flock` on `<spool>.lock` and, as that can be removed or replaced, on the database's
/// own inode. The kernel releases both when the process dies.
///
/// `<spool>.lock` holds the owner's note. It stays behind when the lock is released: removing it would let two processes lock
/// two different files of the same name.
final class SpoolLock: Sendable {
    private struct State {
        var path: String
        var file: any LockFile
        var database: DatabaseHold?
        var index: (any ReservableFile)?
        var note: OwnerNote?
        var intent: SalvageIntent?
    }

    private let state: Mutex<State>
    private let fileSystem: any FileSystem

    private let left: OwnerNote?

    /// What the file must have: as the owner before left it, or as this one has noted since. nil when there was no owner, or it got
    /// no further than the lock.
    var previous: OwnerNote? { state.withLock(\.note) ?? left }

    /// A salvage that was begun, by the owner before or by this one; nil when there is none, or it is finished.
    var intent: SalvageIntent? { state.withLock(\.intent) }

    /// - Throws: ``SpoolError`` with code `inUse` when another owner lives, `refused` when the lock's file is not ours to
    ///   write: whoever can change it could have two owners run, or have one overwrite another file.
    init(spool path: String, _ fileSystem: any FileSystem) throws(SpoolError) {
        try fileSystem.checkDirectory(ofFile: path)
        let (file, left) = try Self.open(path, fileSystem)
        self.fileSystem = fileSystem
        self.left = OwnerNote(left)
        state = Mutex(State(path: path + ".lock", file: file, intent: SalvageIntent(left)))
    }

    deinit {
        release()
    }

    /// - Returns: the file, locked, and what is in it.
    private static func open(
        _ path: String,
        _ fileSystem: any FileSystem
    ) throws(SpoolError) -> (any LockFile, text: String) {
        let name = path + ".lock"
        let file = try SpoolError.wrapping {
            // What is opened is looked at once more. This look is for the words: a link or a socket cannot be opened.
            if let status = try fileSystem.status(of: name),
                let breach = FileRules.writing().breach(by: status, at: name)
            {
                throw SpoolError(.refused, breach.message)
            }
            return try fileSystem.openLockFile(name)
        }
        let text = file.readText()
        guard file.tryLock() else {
            file.close()
            throw .inUse(path, lockFile: text, "give every writer a spool of its own, or stop that process")
        }
        file.showLock()
        let left = file.readText()
        guard OwnerNote.mayHaveWritten(left) else {
            file.close()
            throw SpoolError(
                .refused,
                """
                \(name) holds what no owner of a spool has written; it was left as it is. Move it away, the owner makes a new one
                """
            )
        }
        return (file, left)
    }

    // MARK: The database

    /// Takes the database's file as well, and says so in the lock file. Call it before SQLite opens the database.
    func holdDatabase(_ file: DatabaseFile, _ now: WallInstant) throws {
        if let database, fileSystem.leads(file.path, to: database.identity) { return }
        replaceDatabase(with: try DatabaseHold(file.path, on: file.mount, fileSystem))
        sign(now)
    }

    /// Goes on with another database, which is in the place of the one before. Call it when SQLite has closed that.
    func replaceDatabase(with hold: DatabaseHold) {
        let old = state.withLock { state in
            defer { state.database = hold }
            return state.database
        }
        old?.close()
    }

    /// Keeps the index of the WAL open until SQLite has closed the database.
    func keep(index: (any ReservableFile)?) {
        let old = state.withLock { state in
            defer { state.index = index }
            return state.index
        }
        old?.close()
    }

    /// The database's file; nil before it is held.
    var database: DatabaseHold? { state.withLock(\.database) }

    /// The names that must lead to the open files for anything to be acknowledged, but the WAL's.
    var names: [(path: String, file: FileIdentity)] {
        let (path, file, database) = state.withLock { ($0.path, $0.file, $0.database) }
        let lock = (try? file.status()).map { [(path, $0.identity)] } ?? []
        return (database.map { [(String(path.dropLast(5)), $0.identity)] } ?? []) + lock
    }

    /// Locks the lock file that has, or is given, another name, and writes the note to it.
    ///
    /// - Parameter path: the spool's.
    func move(to path: String, _ now: WallInstant) throws(SpoolError) {
        let isThere = state.withLock { state in
            state.path == path + ".lock"
                && (try? state.file.status().identity).map { fileSystem.leads(state.path, to: $0) } ?? false
        }
        if isThere { return }
        let (file, _) = try Self.open(path, fileSystem)
        let old = state.withLock { state in
            defer { (state.path, state.file) = (path + ".lock", file) }
            if let note = state.note { try? file.write(note.text + SalvageIntent.line(nil), at: 0) }
            return state.file
        }
        old.close()
        sign(now)
    }

    /// Says who holds the spool. The locks are held already, and the text is only for people: a full disk is no reason to
    /// refuse.
    private func sign(_ now: WallInstant) {
        let file = state.withLock(\.file)
        let holder = SpoolHolder.current(now)
        // First: a power cut must not leave what does not begin as an owner's.
        try? file.write(OwnerNote.processLine(holder.process), at: 0)
        let bytes = (try? file.status().bytes) ?? SpoolHolder.offset
        let padding = String(repeating: "\n", count: max(0, SpoolHolder.offset - bytes))
        try? file.write(padding + holder.text, at: SpoolHolder.offset - padding.utf8.count)
    }

    // MARK: The note

    /// Notes that a file for the spool's place was begun, or that it has its place.
    ///
    /// - Parameter isSynced: whether the next owner knows also after a power cut, when this returns.
    func record(_ intent: SalvageIntent?, isSynced: Bool = true) throws(SpoolError) {
        let (path, file, note) = state.withLock { ($0.path, $0.file, $0.note) }
        try SpoolError.wrapping {
            // There may be nothing of a note yet, or one of an earlier version, which was shorter.
            let text = (note ?? left)?.text ?? OwnerNote.processLine(getpid())
            let padding = String(repeating: "\n", count: OwnerNote.textLength - text.utf8.count)
            try file.write(text + padding + SalvageIntent.line(intent), at: 0)
            state.withLock { $0.intent = intent }
            guard isSynced else { return }
            try file.sync()
            try fileSystem.syncDirectory(directory(ofFile: path))
        }
    }

    /// Writes the whole note, once the spool is known.
    func announce(_ ledger: Ledger, _ durability: SpoolConfiguration.Durability, wal: WALEnd? = nil) {
        let new = OwnerNote(
            process: getpid(),
            uuid: ledger.uuid,
            durability: durability,
            progress: ledger.progress(wal),
            state: .sound
        )
        state.withLock { state in
            (state.note, state.intent) = (new, nil)
            try? state.file.write(new.text + SalvageIntent.line(nil), at: 0)
        }
    }

    /// Called after each commit, and cheap. A note that cannot be written is too old, as after a power cut.
    func record(_ ledger: Ledger, wal: WALEnd? = nil) {
        change { $0.progress = ledger.progress(wal) }
    }

    /// Called before a commit that may leave fewer dead letters than were noted.
    func expect(deadLetters: Int) {
        change { $0.progress.deadLetters = min($0.progress.deadLetters, Int64(max(0, deadLetters))) }
    }

    /// Tells the next owner what to expect.
    func record(_ state: OwnerNote.State) {
        change { $0.state = state }
    }

    /// Writes what is another part of the note than before.
    private func change(_ body: (inout OwnerNote) -> Void) {
        state.withLock { state in
            guard let old = state.note, var new = state.note else { return }
            body(&new)
            state.note = new
            if new.state != old.state {
                try? state.file.write(new.text, at: 0)
            } else if new.progress != old.progress {
                try? state.file.write(OwnerNote.lines(new.progress), at: OwnerNote.progressOffset)
            }
        }
    }

    /// Call it when SQLite has closed the database.
    func release() {
        let (file, database) = state.withLock { ($0.file, $0.database.take()) }
        database?.close()
        keep(index: nil)
        file.close()
    }
}

extension SpoolError {
    /// - Parameters:
    ///   - text: what the lock file says.
    ///   - advice: what to do about it.
    static func inUse(_ path: String, lockFile text: String, _ advice: String) -> SpoolError {
        let holder = SpoolHolder(text)?.words ?? "process \(OwnerNote.process(in: text) ?? "(unknown)")"
        return SpoolError(.inUse, "the spool \(path) is in use by \(holder); \(advice)")
    }
}

extension Ledger {
    var progress: OwnerNote.Progress { progress(nil) }

    fileprivate func progress(_ wal: WALEnd?) -> OwnerNote.Progress {
        OwnerNote.Progress(
            committed: lastID,
            frozen: frozenThrough,
            delivered: deliveredThrough,
            deadLetters: Int64(deadLetters),
            records: Int64(records),
            wal: wal
        )
    }
}
