internal import Glibc

/// Who owns a spool, as somebody else sees it.
///
/// Nothing is locked to find out: even a shared lock for an instant could refuse an owner that starts just then. An owner shows
/// its lock so that it can be tested, also from another container.
package struct SpoolOwner: Sendable, Equatable {
    /// The owner, or the last one when nobody lives; nil when there never was one.
    package var process: Int32?

    /// Whether it holds the lock. False too for one of an older version in a container whose processes this one does not see.
    package var isAlive: Bool

    /// What it left in the lock file; nil when it got no further than the lock.
    package var note: OwnerNote?

    /// What it said of itself when it took the lock; nil for one of an older version.
    package var holder: SpoolHolder?

    package init(process: Int32?, isAlive: Bool, note: OwnerNote?, holder: SpoolHolder? = nil) {
        self.process = process
        self.isAlive = isAlive
        self.note = note
        self.holder = holder
    }

    /// The process and, where that is not enough to find it, where it runs; nil when there never was one.
    package var words: String? {
        guard let holder, holder.process == process else { return process.map { "process \($0)" } }
        return holder.words
    }

    /// - Parameters:
    ///   - text: what is in the lock file; nil when there is none.
    ///   - isHeld: whether an owner shows its lock.
    ///   - find: finds the process that holds a lock, given the one that says so.
    init(lockFile text: String?, isHeld: Bool = false, holder find: (Int32?) -> Int32?) {
        let noted = text.flatMap { OwnerNote.process(in: $0) }.flatMap { Int32($0) }
        let holder = text.flatMap { SpoolHolder($0) }
        // A process id of another pid namespace is another process here.
        let process = find(holder?.isNear == false ? nil : noted)
        self.init(
            process: process ?? noted,
            isAlive: isHeld || process != nil,
            note: text.flatMap { OwnerNote($0) },
            holder: holder
        )
    }
}

extension FileSystem {
    /// What an owner has left in the lock file, for whoever only looks; nil when there is none.
    ///
    /// - Parameter spool: the spool's own status: its lock is a file of the same user.
    func readNote(ofSpool path: String, _ spool: FileStatus) throws -> (text: String, isHeld: Bool)? {
        let path = path + ".lock"
        let rules = FileRules.reading(beside: spool)
        try check(path, rules)
        let lock: OpenFile?
        do throws(FileSystemFailure) {
            lock = try openLockFileToRead(path)
        } catch {
            // Whoever may read the spool may not always read this.
            guard error.errno == EACCES else { throw error }
            return nil
        }
        guard let lock else { return nil }
        defer { lock.close() }
        // It may be another file by now.
        if let breach = try rules.breach(by: lock.status(), at: path) { throw SpoolError(.refused, breach.message) }
        return (lock.readText(), lock.isHeld)
    }
}
