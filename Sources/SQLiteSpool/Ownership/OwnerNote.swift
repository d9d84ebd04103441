/// What a spool's owner leaves in `<spool>.lock` for the next one, as short lines of fixed width.
///
/// It is written after each commit, before the writes return, and not synced, but for a ``SalvageIntent``: the death of
/// the process does not lose it, and after a power cut it is at most too old. So a spool that knows less than its note has
/// lost something, and the note says how much.
package struct OwnerNote: Sendable, Equatable {
    /// The owner's process.
    var process: Int32
    /// The spool's.
    var uuid: String
    package var durability: SpoolConfiguration.Durability
    package var progress: Progress
    package var state: State

    /// How the owner left the file.
    package enum State: String, Sendable {
        case sound
        /// The disk failed, so the WAL may be readable without being on the disk.
        case failed
        /// What was read cannot be what was written: the next owner looks at all of it.
        case damaged
        /// The names did not lead to the open files any more. Its text has no more letters than the line has room for.
        case displaced = "moved"

        init(_ health: SpoolHealth) {
            self =
                switch health.state {
                case .sound, .full, .stalled: .sound
                case .failed: .failed
                case .damaged: .damaged
                case .displaced: .displaced
                }
        }
    }

    /// How far the owner came.
    package struct Progress: Sendable, Equatable {
        /// Records up to this id were committed.
        package var committed: Int64
        /// Records up to this id were frozen in a batch, or are gone.
        var frozen: Int64
        /// Records up to this id were delivered, dropped or set aside as dead letters.
        var delivered: Int64
        /// How many dead letters there were.
        var deadLetters: Int64 = 0
        /// How many records were pending or in a batch; nil in the note of an earlier version.
        var records: Int64?
        /// How much of which WAL was committed; nil where that is not known.
        var wal: WALEnd?

        func isBehind(_ other: Progress) -> Bool {
            committed < other.committed || frozen < other.frozen || delivered < other.delivered
        }
    }

    private static let processWidth = 10
    private static let uuidWidth = 36
    private static let durabilityWidth = 12
    private static let stateWidth = 7
    private static let idWidth = 19
    private static let walWidth = 31

    /// The whole note. The line of a salvage comes behind it.
    var text: String {
        var text = Self.processLine(process)
        text.append(line: "uuid       ", uuid, width: Self.uuidWidth)
        text.append(line: "durability ", durability.rawValue, width: Self.durabilityWidth)
        text.append(line: "state      ", state.rawValue, width: Self.stateWidth)
        return text + Self.lines(progress)
    }

    /// Where the lines of the progress begin.
    static let progressOffset =
        processLine(0).utf8.count + (11 + uuidWidth + 1) + (11 + durabilityWidth + 1) + (11 + stateWidth + 1)

    /// Bytes of `text`, whatever it says.
    static let textLength = progressOffset + lines(Progress(committed: 0, frozen: 0, delivered: 0)).utf8.count

    /// Whether a lock file may be an owner's: it begins with a process, or it is empty, or a power cut left zeros of it.
    static func mayHaveWritten(_ text: String) -> Bool {
        text.utf8.first.map { 0x30...0x39 ~= $0 || $0 == 0 } ?? true
    }

    static func processLine(_ process: Int32) -> String {
        var text = ""
        text.append(line: "", String(process), width: processWidth)
        return text
    }

    /// After each commit, so it makes one string and no other.
    static func lines(_ progress: Progress) -> String {
        var text = ""
        text.reserveCapacity(5 * (11 + idWidth + 1) + 11 + walWidth + 1)
        text.append(line: "committed  ", String(progress.committed), width: idWidth)
        text.append(line: "frozen     ", String(progress.frozen), width: idWidth)
        text.append(line: "delivered  ", String(progress.delivered), width: idWidth)
        text.append(line: "letters    ", String(progress.deadLetters), width: idWidth)
        text.append(line: "records    ", progress.records.map { String($0) } ?? "-", width: idWidth)
        guard let wal = progress.wal else {
            text.append(line: "wal        ", "-", width: walWidth)
            return text
        }
        // In parts that are short enough to need no memory of their own.
        text += "wal        "
        let start = text.utf8.count
        text += String(wal.bytes)
        text += ":"
        text += String(UInt32(wal.salts >> 32), radix: 16)
        text.append(
            line: ":",
            String(UInt32(truncatingIfNeeded: wal.salts), radix: 16),
            width: walWidth - 1 - (text.utf8.count - start)
        )
        return text
    }

    /// The value of each line behind the first one, by its name.
    static func values(in text: String) -> [Substring: Substring] {
        var values: [Substring: Substring] = [:]
        for line in text.split(separator: "\n").dropFirst() {
            let words = line.split(separator: " ")
            if words.count == 2 { values[words[0]] = words[1] }
        }
        return values
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
        let values = Self.values(in: text)
        guard let process = Self.process(in: text).flatMap({ Int32($0) }),
            let uuid = values["uuid"],
            let durability = values["durability"].flatMap({ SpoolConfiguration.Durability(rawValue: String($0)) }),
            let state = values["state"].flatMap({ State(rawValue: String($0)) }),
            let committed = values["committed"].flatMap({ Int64($0) }),
            let frozen = values["frozen"].flatMap({ Int64($0) }),
            let delivered = values["delivered"].flatMap({ Int64($0) }),
            // Others are not what an owner wrote, and would overflow what is computed from them.
            [committed, frozen, delivered].allSatisfy({ 0...Ledger.largest ~= $0 })
        else { return nil }
        self.init(
            process: process,
            uuid: String(uuid),
            durability: durability,
            progress: Progress(
                committed: committed,
                frozen: frozen,
                delivered: delivered,
                deadLetters: values["letters"].flatMap({ Int64($0) }).map { min(max(0, $0), Ledger.largest) } ?? 0,
                records: values["records"].flatMap({ Int64($0) }).flatMap { 0...Ledger.largest ~= $0 ? $0 : nil },
                wal: values["wal"].flatMap { WALEnd($0) }
            ),
            state: state
        )
    }
}

extension WALEnd {
    /// - Parameter text: as in the note.
    fileprivate init?(_ text: Substring) {
        let numbers = text.split(separator: ":")
        guard numbers.count == 3, let bytes = Int(numbers[0]), bytes >= 0,
            let first = UInt32(numbers[1], radix: 16), let second = UInt32(numbers[2], radix: 16)
        else { return nil }
        self.init(salts: UInt64(first) << 32 | UInt64(second), bytes: bytes)
    }
}

extension OwnerNote {
    /// Whether the file has not all of what was committed to it. Never of a file of another spool.
    func isAhead(of ledger: Ledger) -> Bool { uuid == ledger.uuid && ledger.progress().isBehind(progress) }
}

extension String {
    /// Appends a value behind its name, blanks up to the value's width, and the line's end.
    mutating func append(line name: String, _ value: String, width: Int) {
        self += name
        self += value
        for _ in 0..<max(0, width - value.utf8.count) { self += " " }
        self += "\n"
    }
}
