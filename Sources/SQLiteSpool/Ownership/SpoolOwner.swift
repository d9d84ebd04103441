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
