internal import Foundation

/// A salvage that an owner has begun, as its note in `<spool>.lock` tells the next owner. It is synced before any file is
/// changed.
///
/// A file is taken for the draft of a salvage because the note says that there is one, and because the spool in it has
/// this uuid. No name is enough.
struct SalvageIntent: Sendable, Equatable {
    enum Phase: String, Sendable {
        /// The draft is worth nothing.
        case writing
        /// The draft is whole and on the disk. It takes the spool's place once that is empty.
        case ready
    }

    var phase: Phase
    /// What the damaged file's new name ends with, like `20261123T101500Z`.
    var date: String
    /// The fresh spool's.
    var uuid: String

    private static let lineName = "salvage    "
    private static let valueWidth = 7 + 1 + 16 + 1 + 36

    /// The line of the note.
    static func line(_ intent: SalvageIntent?) -> String {
        let value = intent.map { "\($0.phase.rawValue):\($0.date):\($0.uuid)" } ?? "none"
        return lineName + value + String(repeating: " ", count: max(0, valueWidth - value.utf8.count)) + "\n"
    }

}

extension SalvageIntent {
    /// - Parameter text: of the whole lock file.
    /// - Returns: nil when no salvage is under way, or what is said of one cannot be what an owner wrote: paths are made of
    ///   it.
    init?(_ text: String) {
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix(Self.lineName) }) else { return nil }
        let parts = line.dropFirst(Self.lineName.count).prefix { $0 != " " }
            .split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let phase = Phase(rawValue: parts[0]), Self.isDate(parts[1]),
            UUID(uuidString: parts[2])?.uuidString.lowercased() == parts[2]
        else { return nil }
        self.init(phase: phase, date: parts[1], uuid: parts[2])
    }

    private static func isDate(_ text: String) -> Bool {
        text.utf8.count == 16
            && text.utf8.allSatisfy { 0x30...0x39 ~= $0 || $0 == UInt8(ascii: "T") || $0 == UInt8(ascii: "Z") }
    }
}
