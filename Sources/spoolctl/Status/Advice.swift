internal import ClickHouseWriter
internal import SQLiteSpool

/// What is wrong with a spool, and what to do next.
struct Advice: Equatable {
    enum Trouble: String, CaseIterable {
        /// Records wait, and no process delivers them.
        case ownerGone = "owner gone"
        /// The file was copied without its WAL.
        case missingWAL = "wal missing"
        /// The file is not what was written to it.
        case damaged
        /// The disk failed under the owner.
        case failed
        /// The names of the owner's files lead elsewhere.
        case displaced
        /// There is hardly any room on the disk.
        case diskFull = "disk full"
        /// The destination takes nothing until an operator fixes it.
        case held
        /// A record is refused, and nothing has shown yet that the table is fine.
        case poisoned
        case deadLetters = "dead letters"
        /// A damaged file was set aside.
        case quarantined
        /// A reader keeps the WAL from being moved into the database.
        case walHeld = "wal held"
        /// ClickHouse does not answer as it should; it is tried again and again.
        case backingOff = "backing off"
        /// Nothing fails, and records are old all the same.
        case backlog
    }

    var trouble: Trouble
    var text: String

    /// Whether it does not pass by itself.
    var needsPerson: Bool {
        switch trouble {
        case .backingOff, .backlog: false
        default: true
        }
    }

    /// Bytes left on the disk below which records may soon be refused: a commit of the largest batches needs less.
    static let lowDiskBytes = 64 << 20

    /// The WAL that a writer calls held up, as its log does.
    static let heldWALBytes = 64 << 20

    /// Older records than these are a backlog.
    static let backlogSeconds = 600

    /// The most urgent first.
    static func list(_ view: SpoolView) -> [Advice] {
        let troubles = owner(view) + disk(view) + delivery(view) + leftovers(view)
        return troubles.map { Advice(trouble: $0.0, text: $0.1) }
    }

    private static func owner(_ view: SpoolView) -> [(Trouble, String)] {
        let owner = view.files.owner
        if view.status.missesWAL {
            let path = Remedy.shellWord(view.path)
            return [(.missingWAL, "\(MissingWAL.finding(path)). \(MissingWAL.remedy(path)).")]
        }
        let waiting = Words.count(view.status.undelivered, "record waits", "records wait")
        switch owner.note?.state {
        case .damaged:
            let start = owner.isAlive ? "" : " Start the owner's program again."
            return [(.damaged, "The file is damaged.\(start) \(Remedy.damaged.rawValue)")]
        case .failed where owner.isAlive:
            return [(.failed, "The disk failed under the owner: nothing is accepted. \(Remedy.failed.rawValue)")]
        case .displaced where owner.isAlive:
            return [(.displaced, "The owner's files were removed or replaced. \(Remedy.displaced.rawValue)")]
        default: break
        }
        if !owner.isAlive, let committed = owner.note?.progress.committed, committed > view.status.lastID {
            return [
                (
                    .damaged,
                    """
                    The last owner had committed record \(Words.grouped(Int(committed))), and the file ends at \
                    \(Words.grouped(Int(view.status.lastID))): it is damaged, or the power failed. Start the owner's program again: it \
                    salvages what is readable, delivers it, and says how much is lost.
                    """
                )
            ]
        }
        guard !owner.isAlive, view.status.undelivered > 0 else { return [] }
        return [
            (
                .ownerGone,
                """
                No process here delivers, and \(waiting). Start the owner's program again: it goes on by itself. If it \
                will not come back: spoolctl drain \(Remedy.shellWord(view.path)) --url http://…
                """
            )
        ]
    }

    private static func disk(_ view: SpoolView) -> [(Trouble, String)] {
        guard let free = view.files.freeBytes, free < lowDiskBytes else { return [] }
        return [
            (
                .diskFull,
                """
                The disk has \(Words.size(free)) left: records are refused, or soon will be. Free some space; what is in the spool \
                is safe.
                """
            )
        ]
    }

    private static func delivery(_ view: SpoolView) -> [(Trouble, String)] {
        let status = view.status
        let isAlive = view.files.owner.isAlive
        switch status.state {
        case .held:
            return [(.held, "ClickHouse takes nothing. \(Remedy.held.rawValue)")]
        case .poisoned:
            return [(.poisoned, "ClickHouse refuses a record. \(Remedy.poisoned.rawValue)")]
        case .backingOff where isAlive:
            return [(.backingOff, Remedy.backingOff.rawValue)]
        case .fine where isAlive && status.oldestPendingSeconds ?? 0 >= backlogSeconds:
            return [
                (
                    .backlog,
                    """
                    Nothing fails, and records wait long: a backlog drains, or more comes in than goes out. Which of the two shows: \
                    spoolctl watch \(Remedy.shellWord(view.path))
                    """
                )
            ]
        case .fine, .backingOff: return []
        }
    }

    private static func leftovers(_ view: SpoolView) -> [(Trouble, String)] {
        var found: [(Trouble, String)] = []
        let path = Remedy.shellWord(view.path)
        if view.status.deadLetters > 0 {
            found.append(
                (
                    .deadLetters,
                    """
                    ClickHouse refused \(Words.count(view.status.deadLetters, "record")) for good. See them with: spoolctl \
                    dead-letters list \(path). Once the table takes them, requeue them; else discard them.
                    """
                )
            )
        }
        if let newest = view.files.quarantined.last {
            let count = view.files.quarantined.count
            found.append(
                (
                    .quarantined,
                    """
                    \(count == 1 ? "A damaged file was" : "\(count) damaged files were") set aside, the newest as \(newest). What \
                    could be read of it is in this spool; the owner's log says what is lost. Move it away when you need it no more.
                    """
                )
            )
        }
        if view.files.walBytes >= heldWALBytes, !view.files.readers.isEmpty {
            let readers = view.files.readers.map(String.init).joined(separator: ", ")
            found.append(
                (
                    .walHeld,
                    """
                    A read transaction keeps the WAL at \(Words.size(view.files.walBytes)), and growing. End process \(readers), or its \
                    transaction, and the WAL shrinks.
                    """
                )
            )
        }
        return found
    }
}
