internal import ArgumentParser
internal import ClickHouseWriter
internal import SQLiteSpool

/// What became of a drain.
struct DrainReport: Sendable {
    enum Ending: Equatable, Sendable {
        /// Nothing is left.
        case emptied
        /// Somebody has to mend something first.
        case held(reason: String)
        /// ClickHouse refuses all that is left for its data, and nothing shows whether the data or the table is wrong.
        case refused(reason: String)
        /// Failures went on for longer than was asked for.
        case gaveUp(reason: String)
        /// By a signal of this number.
        case interrupted(signal: Int32)
    }

    var ending: Ending
    var spool: String
    var destination: SpoolDestination
    var guarantee: String?

    /// Records that ClickHouse accepted, or was found to have.
    var delivered: Int
    var pending: Int
    var inFlight: Int
    var deadLetters: Int
    var elapsed: Duration

    private var seconds: Double { (elapsed / .milliseconds(1)).rounded() / 1_000 }

    private var rate: Int { seconds > 0 ? Int((Double(delivered) / seconds).rounded()) : 0 }

    /// 0 only when nothing is left at all.
    var exitCode: ExitCode {
        switch ending {
        case .emptied: deadLetters == 0 ? .success : .attention
        case .held, .refused, .gaveUp: .failure
        case .interrupted(let signal): ExitCode(128 + signal)
        }
    }

    /// Some lines for people.
    var text: String {
        let sum = """
            delivered \(Words.count(delivered, "record")) to \(destination.database).\(destination.table) \
            in \(Words.age(Int(seconds.rounded(.up)))), \(Words.grouped(rate)) a second
            """
        var lines = delivered == 0 && ending == .emptied ? [] : [sum]
        switch ending {
        case .emptied: lines.append("the spool is empty: nothing is pending, and nothing in flight")
        case .held(let reason): lines += ["held: \(reason)", "\(rest); mend that, and run this again"]
        case .refused(let reason):
            lines += [
                "refused: \(reason)",
                "\(rest); if the table is wrong, mend it and run this again. If the data is, start the spool's writer: "
                    + "once ClickHouse takes another record, what it refuses becomes a dead letter",
            ]
        case .gaveUp(let reason): lines += ["gave up: \(reason)", "\(rest); run this again to go on"]
        case .interrupted: lines.append("interrupted: \(rest); run this again to go on")
        }
        if deadLetters > 0 {
            lines.append(
                "\(Words.count(deadLetters, "dead letter")), refused by ClickHouse: spoolctl dead-letters list \(spool)"
            )
        }
        // A reason has ClickHouse's words in it, which may not act on the terminal.
        return lines.map { Paragraph.oneLine($0) }.joined(separator: "\n")
    }

    private var undelivered: Int { pending + inFlight }

    private var rest: String {
        let inFlight = inFlight == 0 ? "" : " (\(Words.grouped(inFlight)) in batches that were begun)"
        return
            "\(Words.count(undelivered, "record"))\(inFlight) \(undelivered == 1 ? "is" : "are") left in the spool \(spool)"
    }
}

extension DrainReport: Encodable {
    private enum CodingKeys: String, CodingKey {
        case outcome, reason, spool, database, table, guarantee, delivered, pending, inFlight, deadLetters, seconds,
            recordsPerSecond
    }

    private var outcome: (name: String, reason: String?) {
        switch ending {
        case .emptied: ("emptied", nil)
        case .held(let reason): ("held", reason)
        case .refused(let reason): ("refused", reason)
        case .gaveUp(let reason): ("gave up", reason)
        case .interrupted(let signal): ("interrupted", "signal \(signal)")
        }
    }

    func encode(to encoder: any Encoder) throws {
        // By hand, because synthesized code leaves out what is nil.
        var object = encoder.container(keyedBy: CodingKeys.self)
        try object.encode(outcome.name, forKey: .outcome)
        try object.encode(outcome.reason, forKey: .reason)
        try object.encode(spool, forKey: .spool)
        try object.encode(destination.database, forKey: .database)
        try object.encode(destination.table, forKey: .table)
        try object.encode(guarantee, forKey: .guarantee)
        try object.encode(delivered, forKey: .delivered)
        try object.encode(pending, forKey: .pending)
        try object.encode(inFlight, forKey: .inFlight)
        try object.encode(deadLetters, forKey: .deadLetters)
        try object.encode(seconds, forKey: .seconds)
        try object.encode(rate, forKey: .recordsPerSecond)
    }
}
