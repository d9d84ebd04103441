internal import Foundation

/// A file that an owner has begun to make for the spool's place, as its note in `<spool>.lock` tells the next owner: a new spool,
/// or what can be read of a damaged one, which has the date in its name by then.
struct SalvageIntent: Sendable, Equatable {
    /// Like `20261123T101500Z`.
    let date: String
    /// Part of the name of the new file, until it has the spool's.
    let uuid: String

    private static let lineName = "salvage    "
    /// Earlier versions wrote `ready` once the new file was whole. Without a file in the spool's place they refuse to start on it.
    private static let word = "ready"

    /// The line of the note.
    static func line(_ intent: SalvageIntent?) -> String {
        var line = ""
        line.append(line: lineName, intent.map { "\(word):\($0.date):\($0.uuid)" } ?? "none", width: 61)
        return line
    }

    /// - Parameter text: of the whole lock file.
    /// - Returns: nil when nothing is under way, or what is said of it cannot be what an owner wrote: paths are made of it.
    init?(_ text: String) {
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix(Self.lineName) }) else { return nil }
        let parts = line.dropFirst(Self.lineName.count).prefix { $0 != " " }
            .split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, [Self.word, "writing"].contains(parts[0]), Self.isDate(parts[1]),
            UUID(uuidString: parts[2])?.uuidString.lowercased() == parts[2]
        else { return nil }
        self.init(date: parts[1], uuid: parts[2])
    }

    init(date: String, uuid: String = UUID().uuidString.lowercased()) {
        (self.date, self.uuid) = (date, uuid)
    }

    private static func isDate(_ text: String) -> Bool {
        text.utf8.count == 16
            && text.utf8.allSatisfy { 0x30...0x39 ~= $0 || $0 == UInt8(ascii: "T") || $0 == UInt8(ascii: "Z") }
    }

    /// Where the new file is written, and where the damaged one is.
    func draft(of spool: String) -> String { "\(spool).salvaging-\(uuid)" }
    func damaged(of spool: String) -> String { "\(spool).damaged-\(date)" }
}
