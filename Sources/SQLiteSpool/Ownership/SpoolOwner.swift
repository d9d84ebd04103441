/// Who owns a spool, as somebody else sees it.
///
/// Nothing is locked to find out: even a shared lock for an instant could refuse an owner that starts just then.
package struct SpoolOwner: Sendable, Equatable {
    /// The owner, or the last one when nobody lives; nil when there never was one.
    package var process: Int32?

    /// Whether it holds the lock. False too for one in a container whose processes this one does not see.
    package var isAlive: Bool

    /// What it left in the lock file; nil when it got no further than the lock.
    package var note: OwnerNote?

    package init(process: Int32?, isAlive: Bool, note: OwnerNote?) {
        self.process = process
        self.isAlive = isAlive
        self.note = note
    }

    /// - Parameters:
    ///   - text: what is in the lock file; nil when there is none.
    ///   - holder: finds the process that holds the lock, given the one that says so.
    init(lockFile text: String?, holder: (Int32?) -> Int32?) {
        let noted = text.flatMap { OwnerNote.process(in: $0) }.flatMap { Int32($0) }
        let holder = text == nil ? nil : holder(noted)
        self.init(process: holder ?? noted, isAlive: holder != nil, note: text.flatMap { OwnerNote($0) })
    }
}

extension FileSystem {
    /// What an owner has left in the lock file, for whoever only looks; nil when there is none.
    ///
    /// - Parameter spool: the spool's own status: its lock is a file of the same user.
    func readNote(ofSpool path: String, _ spool: FileStatus) throws -> String? {
        let path = path + ".lock"
        let rules = FileRules.reading(beside: spool)
        try check(path, rules)
        guard let lock = try openLockFileToRead(path) else { return nil }
        defer { lock.close() }
        // It may be another file by now.
        if let breach = try rules.breach(by: lock.status(), at: path) { throw SpoolError(.refused, breach.message) }
        return lock.readText()
    }
}
