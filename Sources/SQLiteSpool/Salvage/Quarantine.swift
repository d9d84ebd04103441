internal import CSQLite
internal import Foundation

/// Sets a damaged spool aside under a dated name and puts a fresh one in its place, so that a power cut at any moment
/// leaves either the one or the other, or what is needed to go on.
///
///     note: writing   traces.spool.salvaging-<uuid>   being written: worth nothing, removed by the next owner, as is the repaired
///                                                     WAL; the one before it comes back from `….damaged-20261123T101500Z-wal.original`
///     note: ready     traces.spool.salvaging-<uuid>   whole: the damaged file goes to `….damaged-20261123T101500Z`, then
///                                                     this one takes its place
///     note: none      traces.spool                    the fresh one
///
/// While there is a file in the spool's place, no draft replaces it: the next owner opens that file, and salvages it anew
/// if it is damaged. So a draft can only fill a place that this exchange has emptied.
struct Quarantine {
    let path: String
    let fileSystem: any FileSystem
    let lock: SpoolLock

    /// Where the fresh spool is written.
    func draft(_ intent: SalvageIntent) -> String { "\(path).salvaging-\(intent.uuid)" }

    private static let suffixesOfDraft = [""] + SpoolFileNames.ofSQLite + ["-wal.repaired"]

    private var directory: String { SQLiteSpool.directory(ofFile: path) }

    /// The name of the damaged file.
    func damaged(_ intent: SalvageIntent) -> String { "\(path).damaged-\(intent.date)" }

    // MARK: A salvage

    /// The time as a name, and a later one when something was set aside in the same second.
    func unusedDate(_ now: WallInstant) throws(FileSystemFailure) -> String {
        let names = try fileSystem.names(in: directory)
        var seconds = now.milliseconds / 1_000
        while true {
            let date = Date(timeIntervalSince1970: Double(seconds))
            let text = date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
            if !names.contains(where: { $0.contains(text) }) { return text }
            seconds += 1
        }
    }

    /// Notes the salvage, before anything is changed.
    func begin(_ intent: SalvageIntent) throws(SpoolError) {
        try lock.record(intent)
    }

    /// Takes the WAL away, for nothing to change it: SQLite removes that of an empty database, and another one may take its place.
    /// As long as the damaged file is in its place, the next owner puts it back.
    func setWALAside(_ intent: SalvageIntent) throws(FileSystemFailure) {
        guard try fileSystem.status(of: path + "-wal") != nil else { return }
        try fileSystem.rename(path + "-wal", toNew: originalWAL(intent))
        try fileSystem.remove(path + "-shm")
        // Before another one has its name.
        try fileSystem.syncDirectory(directory)
    }

    /// Puts a repaired WAL in the place of the one that is set aside.
    func replaceWAL(with repaired: String, _ intent: SalvageIntent) throws(FileSystemFailure) {
        try setWALAside(intent)
        try fileSystem.rename(repaired, toNew: path + "-wal")
        try fileSystem.syncDirectory(directory)
    }

    /// The salvage was interrupted: what it made of the WAL is worth nothing, like its draft.
    private func putWALBack(_ intent: SalvageIntent) throws {
        guard try fileSystem.status(of: damaged(intent)) == nil,
            try fileSystem.status(of: originalWAL(intent)) != nil
        else { return }
        try fileSystem.check(originalWAL(intent), .writing())
        try fileSystem.rename(originalWAL(intent), to: path + "-wal")
        try fileSystem.remove(path + "-shm")
        try fileSystem.syncDirectory(directory)
    }

    private func originalWAL(_ intent: SalvageIntent) -> String { damaged(intent) + "-wal.original" }

    /// The draft is whole and closed: from here on the damaged file is replaced, at the latest by the next owner.
    func commit(_ intent: SalvageIntent) throws {
        // The draft's name is to be there when the note says so.
        try fileSystem.syncDirectory(directory)
        var intent = intent
        intent.phase = .ready
        try lock.record(intent)
        try exchange(intent)
    }

    private func exchange(_ intent: SalvageIntent) throws {
        // The database first: as long as it is in its place, nothing was exchanged. An old WAL beside a new database would
        // be taken for the new one's, so it must be gone before that comes, and for good.
        for suffix in ["", "-wal", "-journal"] where try fileSystem.status(of: path + suffix) != nil {
            try fileSystem.rename(path + suffix, toNew: damaged(intent) + suffix)
        }
        try fileSystem.remove(path + "-shm")
        try fileSystem.syncDirectory(directory)
        try fileSystem.rename(draft(intent), toNew: path)
        try fileSystem.syncDirectory(directory)
        // The next owner finds no draft, whether this is on the disk or not.
        try? lock.record(nil)
    }

    // MARK: The next owner

    /// Goes on where a dead owner stopped, and names what only looks like the work of one.
    ///
    /// - Throws: ``SpoolError`` with code `refused` when the spool is missing, and what its place is to be given cannot be
    ///   told: a new spool would hide that.
    func resume() throws -> [OpeningNotice] {
        let names = try fileSystem.names(in: directory)
        let isMissing = try fileSystem.status(of: path) == nil
        var notices = strangers(in: names)
        if isMissing { try refuseHalfAnExchangeOfAnOlderVersion(names) }
        guard let intent = lock.intent else { return notices }
        if isMissing, intent.phase == .ready {
            if let reason = try reasonToRefuseDraft(of: intent) {
                guard names.contains(name(of: damaged(intent))) else {
                    return notices + [.leftAlone([draft(intent)], reason)]
                }
                throw SpoolError(
                    .refused,
                    """
                    \(path) is missing: it was damaged and set aside as \(damaged(intent)), and the salvaged spool cannot \
                    take its place: \(reason). Salvage the damaged file into a new one and move that to \(path): spoolctl \
                    salvage \(damaged(intent)) NEW; or remove \(path).lock to begin with an empty spool
                    """
                )
            }
            try exchange(intent)
            notices.append(.finishedSalvage(damagedFile: damaged(intent)))
            return notices
        }
        if !isMissing { try putWALBack(intent) }
        for suffix in Self.suffixesOfDraft {
            let file = draft(intent) + suffix
            guard let status = try fileSystem.status(of: file) else { continue }
            if let breach = FileRules.writing().breach(by: status, at: file) {
                notices.append(.leftAlone([file], breach.detail))
            } else {
                try fileSystem.remove(file)
            }
        }
        return notices
    }

    /// - Returns: why what is in the draft's place is not the draft that the note names; nil when it is.
    private func reasonToRefuseDraft(of intent: SalvageIntent) throws -> String? {
        let draft = draft(intent)
        guard let status = try fileSystem.status(of: draft) else { return "there is no file \(draft)" }
        if let breach = FileRules.writing().breach(by: status, at: draft) { return breach.detail }
        for suffix in SpoolFileNames.ofSQLite where try fileSystem.status(of: draft + suffix) != nil {
            return "\(draft)\(suffix) is there, which no salvage leaves"
        }
        do throws(SQLiteError) {
            let isTheDraft = try uuidOfSpool(at: draft) == intent.uuid
            return isTheDraft ? nil : "\(draft) is another spool than the one that was salvaged"
        } catch {
            guard error.isDamage || error.primaryCode == SQLITE_ERROR else { throw error }
            return "\(draft) is not the spool that was salvaged: \(error.message)"
        }
    }

    /// - Returns: nil when the file is another application's.
    private func uuidOfSpool(at path: String) throws(SQLiteError) -> String? {
        let database = try Database(path: path, access: .readOnly, vfs: fileSystem.vfs)
        let applicationID = try database.integer("PRAGMA application_id")
        let uuid = try database.text("SELECT uuid FROM spool")
        return applicationID == SpoolIdentity.applicationID ? uuid : nil
    }

    private func strangers(in names: [String]) -> [OpeningNotice] {
        let strangers = SpoolFileNames.strangers(
            in: names,
            spool: name(of: path),
            draft: lock.intent.map { name(of: draft($0)) }
        )
        if strangers.isEmpty { return [] }
        return [.leftAlone(strangers.map { directory + $0 }, "the owner's note names no such salvage")]
    }

    /// Versions without a note of it renamed the damaged file first, and then gave its name to `.salvaged-<date>`.
    private func refuseHalfAnExchangeOfAnOlderVersion(_ names: [String]) throws(SpoolError) {
        let prefix = name(of: path) + ".salvaged-"
        for salvaged in names where salvaged.hasPrefix(prefix) {
            let damaged = "\(name(of: path)).damaged-\(salvaged.dropFirst(prefix.count))"
            guard names.contains(damaged) else { continue }
            // They renamed the WAL after the database. Beside the new one SQLite would take it for the new one's.
            let log = names.contains(name(of: path) + "-wal") ? "mv \(path)-wal \(directory)\(damaged)-wal && " : ""
            throw SpoolError(
                .refused,
                """
                \(path) is missing, and \(directory)\(damaged) was set aside: an older version of this program was stopped \
                before it put \(directory)\(salvaged) in its place. If nobody else made that file, run: \
                \(log)rm -f \(path)-shm && mv \(directory)\(salvaged) \(path); otherwise move it away
                """
            )
        }
    }

    private func name(of path: String) -> String { String(path.dropFirst(directory.count)) }
}
