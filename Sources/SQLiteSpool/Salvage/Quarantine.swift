internal import Foundation
internal import Glibc

/// Gives the spool's place to a new file, after a damaged one was set aside under a dated name, so that a power cut at any moment
/// leaves what is needed to go on.
///
///     1. the note says what is begun
///     2. a salvage: the damaged file and its WAL go to `traces.spool.damaged-20261123T101500Z`
///     3. the draft `traces.spool.salvaging-<uuid>` is written. Until it has its place it is worth nothing, and the next owner removes it
///     4. the draft is renamed to `traces.spool`; the note says that nothing is begun
///
/// The next owner opens the file in the spool's place, if there is one, and salvages it if it is damaged. Where there is none, and the
/// note names a damaged file, it salvages that one.
struct Quarantine {
    let path: String
    let fileSystem: any FileSystem
    let lock: SpoolLock

    private var directory: String { SQLiteSpool.directory(ofFile: path) }

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

    /// Call it when SQLite has closed the damaged file.
    func setAside(_ intent: SalvageIntent) throws(FileSystemFailure) {
        // The database first: as long as it is in its place, nothing was changed.
        for suffix in ["", "-wal", "-journal"] where try fileSystem.status(of: path + suffix) != nil {
            try fileSystem.rename(path + suffix, toNew: intent.damaged(of: path) + suffix)
        }
        try fileSystem.remove(path + "-shm")
        try fileSystem.syncDirectory(directory)
    }

    /// Gives the draft its place. It is whole, synced and closed, and in the place is nothing, or an empty file.
    func place(_ intent: SalvageIntent) throws(FileSystemFailure) {
        let found = try fileSystem.status(of: path)
        guard found?.bytes ?? 0 == 0 else { throw FileSystemFailure(errno: EEXIST, action: "make \(path) anew") }
        // SQLite would take them for the new file's.
        for suffix in SpoolFileNames.ofSQLite { try fileSystem.remove(path + suffix) }
        if found == nil {
            try fileSystem.rename(intent.draft(of: path), toNew: path)
        } else {
            try fileSystem.rename(intent.draft(of: path), to: path)
        }
        try fileSystem.syncDirectory(directory)
    }

    // MARK: The next owner

    /// Removes the draft of a dead owner, and names what only looks like one.
    ///
    /// - Returns: what was found, and the salvage to go on with: its damaged file is set aside, and nothing in its place.
    func resume() throws -> (notices: [OpeningNotice], interrupted: SalvageIntent?) {
        let names = try fileSystem.names(in: directory)
        let isMissing = try fileSystem.status(of: path) == nil
        if isMissing { try refuseHalfAnExchangeOfAnOlderVersion(names) }
        let intent = lock.intent
        let draft = intent?.draft(of: path)
        let strangers = SpoolFileNames.strangers(in: names, spool: name(of: path), draft: draft.map(name))
        var notices: [OpeningNotice] = []
        if !strangers.isEmpty {
            notices.append(.leftAlone(strangers.map { directory + $0 }, "the owner's note names no such salvage"))
        }
        guard let intent, let draft else { return (notices, nil) }
        for file in ([""] + SpoolFileNames.ofSQLite).map({ draft + $0 }) {
            guard let status = try fileSystem.status(of: file) else { continue }
            if let breach = FileRules.writing().breach(by: status, at: file) {
                notices.append(.leftAlone([file], breach.detail))
            } else {
                try fileSystem.remove(file)
            }
        }
        let isSetAside = try isMissing && fileSystem.status(of: intent.damaged(of: path)) != nil
        return (notices, isSetAside ? intent : nil)
    }

    /// Versions without a note of it renamed the damaged file first, and then gave its name to `.salvaged-<date>`.
    ///
    /// - Throws: ``SpoolError`` with code `refused`: a new spool would hide that.
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
