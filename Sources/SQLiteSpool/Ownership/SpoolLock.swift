internal import Glibc
internal import Synchronization

/// Proof of owning a spool: an exclusive `flock` on `<spool>.lock`, which the kernel releases when the process dies.
///
/// The file holds the owner's note. It stays behind when the lock is released: removing it would let two processes lock
/// two different files of the same name.
final class SpoolLock: Sendable {
    private let file: any LockFile
    private let note = Mutex<OwnerNote?>(nil)

    /// What the owner before left; nil when there was none, or it got no further than the lock.
    let previous: OwnerNote?

    init(spool path: String, _ fileSystem: any FileSystem) throws(SpoolError) {
        let file = try SpoolError.wrapping { try fileSystem.openLockFile(path + ".lock") }
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
        self.file = file
        previous = OwnerNote(file.readText())
        // The lock is held already, and the text is only for people: a full disk is no reason to refuse.
        try? file.write(OwnerNote.processLine(getpid()), at: 0)
    }

    deinit {
        release()
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
        try? file.write(new.text, at: 0)
    }

    /// Called after each commit, and cheap. A note that cannot be written is too old, as after a power cut.
    func record(_ ledger: Ledger) {
        let lines = note.withLock { note -> String? in
            guard let old = note?.progress, old != ledger.progress else { return nil }
            note?.progress = ledger.progress
            return OwnerNote.lines(ledger.progress)
        }
        if let lines { try? file.write(lines, at: OwnerNote.progressOffset) }
    }

    /// Called before a commit that may leave fewer dead letters than were noted.
    func expect(deadLetters: Int) {
        let lines = note.withLock { note -> String? in
            guard let old = note?.progress, deadLetters < old.deadLetters else { return nil }
            note?.progress.deadLetters = Int64(max(0, deadLetters))
            return note.map { OwnerNote.lines($0.progress) }
        }
        if let lines { try? file.write(lines, at: OwnerNote.progressOffset) }
    }

    /// Tells the next owner what to expect.
    func record(_ state: OwnerNote.State) {
        let text = note.withLock { note -> String? in
            guard let old = note?.state, old != state else { return nil }
            note?.state = state
            return note?.text
        }
        if let text { try? file.write(text, at: 0) }
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
