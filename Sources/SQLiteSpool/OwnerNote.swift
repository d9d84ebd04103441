/// What a spool's owner leaves in `<spool>.lock` for the next one, as short lines of fixed width.
///
/// It is written after each commit and never synced: the death of the process does not lose it, and after a power cut it
/// is at most too old. So a spool that knows less than its note has lost something, and the note says how much.
struct OwnerNote: Equatable {
    /// The owner's process.
    var process: Int32
    /// The spool's.
    var uuid: String
    var durability: SpoolConfiguration.Durability
    /// Records up to this id were committed.
    var committed: Int64
    /// Records up to this id were delivered, dropped or set aside as dead letters.
    var delivered: Int64
    /// Whether the owner found the file damaged, and the next one has to look at all of it.
    var isDamaged: Bool

    private static let processWidth = 10
    private static let uuidWidth = 36
    private static let durabilityWidth = 12
    private static let idWidth = 19

    /// The whole file.
    var text: String {
        Self.processLine(process) + "uuid       \(uuid.padded(Self.uuidWidth))\n"
            + "durability \(durability.rawValue.padded(Self.durabilityWidth))\n"
            + "state      \(isDamaged ? "damaged" : "sound  ")\n" + Self.progressLines(committed, delivered)
    }

    /// Where `progressLines` begin.
    static let progressOffset =
        processLine(0).utf8.count + (11 + uuidWidth + 1) + (11 + durabilityWidth + 1) + (11 + 7 + 1)

    static func processLine(_ process: Int32) -> String {
        "\(process)".padded(processWidth) + "\n"
    }

    static func progressLines(_ committed: Int64, _ delivered: Int64) -> String {
        "committed  \("\(committed)".padded(idWidth))\ndelivered  \("\(delivered)".padded(idWidth))\n"
    }

    /// The process in the first line, all that an owner writes before it knows the spool.
    static func process(in text: String) -> String? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        return digits.isEmpty ? nil : String(digits)
    }
}

extension OwnerNote {
    /// - Returns: nil when the text is not a whole note.
    init?(_ text: String) {
        let lines = text.split(separator: "\n")
        var values: [Substring: Substring] = [:]
        for line in lines.dropFirst() {
            let words = line.split(separator: " ")
            if words.count == 2 { values[words[0]] = words[1] }
        }
        guard let process = Self.process(in: text).flatMap({ Int32($0) }),
            let uuid = values["uuid"],
            let durability = values["durability"].flatMap({ SpoolConfiguration.Durability(rawValue: String($0)) }),
            let state = values["state"],
            let committed = values["committed"].flatMap({ Int64($0) }),
            let delivered = values["delivered"].flatMap({ Int64($0) })
        else { return nil }
        self.init(
            process: process,
            uuid: String(uuid),
            durability: durability,
            committed: committed,
            delivered: delivered,
            isDamaged: state == "damaged"
        )
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - utf8.count))
    }
}
