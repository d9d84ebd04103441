internal import Glibc
internal import Synchronization

/// Proof of owning a spool: an exclusive `flock` on `<spool>.lock`, which the kernel releases when the process dies.
///
/// The file holds the owner's note. It stays behind when the lock is released: removing it would let two processes lock
/// two different files of the same name.
final class SpoolLock: Sendable {
    private let file: any LockFile
    private let note = Mutex<OwnerNote?>(nil)
    private let path: String
    private let fileSystem: any FileSystem

    /// What the owner before left; nil when there was none, or it got no further than the lock.
    let previous: OwnerNote?

    /// The salvage that the owner before had begun; nil when it had begun none, or finished it.
    let intent: SalvageIntent?

    /// - Throws: ``SpoolError`` with code `inUse` when another owner lives, `refused` when the lock's file is not ours to
    ///   write: whoever can change it could have two owners run, or have one overwrite another file.
    init(spool path: String, _ fileSystem: any FileSystem) throws(SpoolError) {
        self.path = path + ".lock"
        self.fileSystem = fileSystem
        let file = try Self.open(path + ".lock", fileSystem)
        let text = file.readText()
        guard file.tryLock() else {
            file.close()
            throw SpoolError(
                .inUse,
                """
                the spool \(path) is in use by process \(OwnerNote.process(in: text) ?? "(unknown)"); \
                give every writer a spool of its own, or stop that process
                """
            )
        }
        let left = file.readText()
        guard OwnerNote.mayHaveWritten(left) else {
            file.close()
            throw SpoolError(
                .refused,
                """
                \(path).lock holds what no owner of a spool has written; it was left as it is. Move it away, the owner \
                makes a new one
                """
            )
        }
        self.file = file
        previous = OwnerNote(left)
        intent = SalvageIntent(left)
        // The lock is held already, and the text is only for people: a full disk is no reason to refuse.
        try? file.write(OwnerNote.processLine(getpid()), at: 0)
    }

    deinit {
        release()
    }

    private static func open(_ path: String, _ fileSystem: any FileSystem) throws(SpoolError) -> any LockFile {
        try SpoolError.wrapping {
            // What is opened is looked at once more. This look is for the words: a link or a socket cannot be opened.
            if let status = try fileSystem.status(of: path),
                let breach = FileRules.writing().breach(by: status, at: path)
            {
                throw SpoolError(.refused, breach.message)
            }
            return try fileSystem.openLockFile(path)
        }
    }

    /// Notes a salvage, or that there is none any more, and syncs it: it returns when the next owner will know.
    func record(_ intent: SalvageIntent?) throws(SpoolError) {
        try SpoolError.wrapping {
            // There may be nothing of a note yet.
            let blanks = try OwnerNote.textLength - file.status().bytes
            let padding = blanks > 0 ? String(repeating: "\n", count: blanks) : ""
            try file.write(padding + SalvageIntent.line(intent), at: OwnerNote.textLength - padding.utf8.count)
            try file.sync()
            try fileSystem.syncDirectory(directory(ofFile: path))
        }
    }

    /// Writes the whole note, once the spool is known.
    func announce(_ ledger: Ledger, _ durability: SpoolConfiguration.Durability) {
        let new = OwnerNote(
            process: getpid(),
            uuid: ledger.uuid,
            durability: durability,
            progress: ledger.progress,
            state: .sound
        )
        note.withLock { $0 = new }
        try? file.write(new.text + SalvageIntent.line(nil), at: 0)
    }

    /// Called after each commit, and cheap. A note that cannot be written is too old, as after a power cut.
    func record(_ ledger: Ledger) {
        change { $0.progress = ledger.progress }
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
        let part = note.withLock { note -> (text: String, offset: Int)? in
            guard let old = note, var new = note else { return nil }
            body(&new)
            note = new
            if new.state != old.state { return (new.text, 0) }
            return new.progress == old.progress ? nil : (OwnerNote.lines(new.progress), OwnerNote.progressOffset)
        }
        if let part { try? file.write(part.text, at: part.offset) }
    }

    func release() {
        file.close()
    }
}

extension Ledger {
    var progress: OwnerNote.Progress {
        OwnerNote.Progress(
            committed: lastID,
            frozen: frozenThrough,
            delivered: deliveredThrough,
            deadLetters: Int64(deadLetters)
        )
    }
}
