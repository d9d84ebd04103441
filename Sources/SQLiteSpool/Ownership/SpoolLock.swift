internal import Glibc
internal import Synchronization

/// Proof of owning a spool: an exclusive `flock` on `<spool>.lock` and, as that can be removed or replaced, on the database's
/// own inode. The kernel releases both when the process dies.
///
/// `<spool>.lock` holds the owner's note. It stays behind when the lock is released: removing it would let two processes lock
/// two different files of the same name.
final class SpoolLock: Sendable {
    private struct State {
        /// The lock file's.
        var path: String
        var file: OpenFile
        /// What it held when it was taken.
        let left: String
        var holder = SpoolHolder.current(SystemWallClock().now)
        var note: OwnerNote?
        var intent: SalvageIntent?
        var database: DatabaseHold?
    }

    private let state: Mutex<State>
    private let fileSystem: any FileSystem

    /// What the file must have: as the owner before left it, or as this one has noted since. nil when there was no owner, or it got
    /// no further than the lock.
    var previous: OwnerNote? { state.withLock { $0.note ?? OwnerNote($0.left) } }

    /// A salvage that was begun, by the owner before or by this one; nil when there is none, or it is finished.
    var intent: SalvageIntent? { state.withLock(\.intent) }

    /// - Throws: ``SpoolError`` with code `inUse` when another owner lives, `refused` when the lock's file is not ours to
    ///   write: whoever can change it could have two owners run, or have one overwrite another file.
    init(spool path: String, _ fileSystem: any FileSystem) throws(SpoolError) {
        try fileSystem.checkDirectory(ofFile: path)
        let (file, left) = try Self.open(path, fileSystem)
        self.fileSystem = fileSystem
        state = Mutex(State(path: path + ".lock", file: file, left: left, intent: SalvageIntent(left)))
    }

    deinit {
        release()
    }

    /// - Returns: the file, locked, and what is in it.
    private static func open(
        _ path: String,
        _ fileSystem: any FileSystem
    ) throws(SpoolError) -> (OpenFile, text: String) {
        let name = path + ".lock"
        let file = try SpoolError.wrapping {
            // What is opened is looked at once more. This look is for the words: a link or a socket cannot be opened.
            try fileSystem.check(name, .writing())
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
        state.withLock { state in
            state.holder = .current(now)
            // The locks are held already, and the text is only for people: a full disk is no reason to refuse.
            try? Self.write(state)
        }
    }

    /// Goes on with another database, which is in the place of the one before. Call it when SQLite has closed that.
    func replaceDatabase(with hold: DatabaseHold) { replace(\.database, with: hold)?.close() }

    private func replace<Value: Sendable>(_ part: WritableKeyPath<State, Value>, with new: Value) -> Value {
        state.withLock { state in
            defer { state[keyPath: part] = new }
            return state[keyPath: part]
        }
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
            defer {
                (state.path, state.file, state.holder) = (path + ".lock", file, .current(now))
                try? Self.write(state)
            }
            return state.file
        }
        old.close()
    }

    // MARK: The note

    /// Writes the whole file, with the note of the owner before until there is one of this.
    private static func write(_ state: borrowing State) throws(FileSystemFailure) {
        // There may be nothing of a note yet, or one of an earlier version, which was shorter.
        let note = (state.note ?? OwnerNote(state.left))?.text ?? OwnerNote.processLine(state.holder.process)
        let blanks = String(repeating: "\n", count: OwnerNote.textLength - note.utf8.count)
        try state.file.write(note + blanks + SalvageIntent.line(state.intent) + state.holder.text, at: 0)
    }

    /// Notes that a file for the spool's place was begun, or that it has its place.
    ///
    /// - Parameter isSynced: whether the next owner knows also after a power cut, when this returns.
    func record(_ intent: SalvageIntent?, isSynced: Bool = true) throws(SpoolError) {
        try SpoolError.wrapping {
            try state.withLock { state in
                var new = state
                new.intent = intent
                try Self.write(new)
                if isSynced {
                    try new.file.sync()
                    try fileSystem.syncDirectory(directory(ofFile: new.path))
                }
                state = new
            }
        }
    }

    /// Writes the whole note, once the spool is known.
    func announce(_ ledger: Ledger, _ durability: SpoolConfiguration.Durability, wal: WALEnd? = nil) {
        state.withLock { state in
            state.note = OwnerNote(
                process: getpid(),
                uuid: ledger.uuid,
                durability: durability,
                progress: ledger.progress(wal),
                state: .sound
            )
            state.intent = nil
            try? Self.write(state)
        }
    }

    /// Changes the note, and writes what is another part of it than before: cheap enough for each commit. A note that cannot be
    /// written is too old, as after a power cut.
    func note(_ change: (inout OwnerNote) -> Void) {
        state.withLock { state in
            guard let old = state.note, var new = state.note else { return }
            change(&new)
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
        replace(\.database, with: nil)?.close()
        state.withLock(\.file).close()
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

extension OwnerNote.Progress {
    /// Before a commit that may leave fewer dead letters than were noted: dying behind it must not make them count as lost.
    mutating func expect(deadLetters: Int) {
        self.deadLetters = min(self.deadLetters, Int64(max(0, deadLetters)))
    }
}

extension Ledger {
    func progress(_ wal: WALEnd? = nil) -> OwnerNote.Progress {
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
