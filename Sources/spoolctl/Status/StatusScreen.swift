internal import SQLiteSpool

/// A spool's status in plain words, on one screen.
struct StatusScreen {
    private let view: SpoolView
    private let status: SpoolStatus

    /// Batches and error codes that are shown one by one; there are seldom more than one.
    private static let most = 5

    init(_ view: SpoolView) {
        self.view = view
        status = view.status
    }

    var text: String {
        (delivery + contents + files + batches + advice).joined(separator: "\n")
    }

    private func row(_ name: String, _ value: String) -> String {
        name.padding(to: 14) + Paragraph.oneLine(value)
    }

    private var delivery: [String] {
        // A batch that failed says so itself.
        let isSaidBelow = status.batches.prefix(Self.most).contains { $0.lastError == status.lastError }
        let error = isSaidBelow ? nil : status.lastError.map { row("last error", $0) }
        let durability = view.files.owner.note.map {
            row("durability", "what is written survives \($0.durability.words)")
        }
        let destination = status.destination.map { row("destination", "\($0.database).\($0.table)") }
        let guarantee = row("guarantee", status.guarantee ?? "not known yet")
        let origin = status.origin.map { row("origin", $0.words) }
        return [row("delivery", state), row("owner", owner)]
            + [origin, destination, guarantee, durability, error].compactMap { $0 }
    }

    private var state: String {
        if status.state == .fine { return status.state.rawValue }
        let since = status.since.map { " since \($0.words) UTC" } ?? ""
        guard view.files.owner.isAlive else { return "\(status.state.rawValue)\(since), as the owner last knew" }
        let age = status.since.map { Int(max(.zero, $0.duration(to: status.readAt)).components.seconds) }
        return status.state.rawValue + since + (age.map { ", \(Words.age($0))" } ?? "")
    }

    private var owner: String {
        guard let words = view.files.owner.words else { return "none yet" }
        return view.files.owner.isAlive ? words : "none; the last one was \(words)"
    }

    private var contents: [String] {
        let batches = status.batches.isEmpty ? "" : " in \(Words.count(status.batches.count, "batch", "batches"))"
        return [
            row("pending", Words.grouped(status.pending)), row("in flight", Words.grouped(status.inFlight) + batches),
            row("oldest", status.oldestPendingSeconds.map(Words.age) ?? "-"),
            row("payload", Words.size(status.payloadBytes)),
            row("dead letters", Words.grouped(status.deadLetters)),
        ] + deadLetters + [row("dropped", Words.grouped(status.dropped))]
    }

    private var deadLetters: [String] {
        let groups = status.deadLettersByCode
        let counted = groups.reduce(0) { $0 + $1.records }
        let scope = counted < status.deadLetters ? [row("", "of the newest \(Words.grouped(counted)):")] : []
        let shown = groups.prefix(Self.most).flatMap { group in
            [
                row("", "\(Words.count(group.records, "record")) with \(group.title), \(group.period)"),
                row("", "  " + Paragraph.cut(group.plainMessage, to: 64)),
            ]
        }
        let rest = groups.count - Self.most
        return scope + shown + (rest > 0 ? [row("", "and \(Words.count(rest, "more code"))")] : [])
    }

    private var files: [String] {
        let files = view.files
        let state =
            switch files.owner.note?.state {
            case .failed: "; the disk failed under its owner"
            case .damaged: "; damaged"
            case .displaced: "; removed or replaced under its owner"
            case .sound, nil: ""
            }
        let quarantined = files.quarantined.map { row("set aside", $0) }
        return [
            row("file", "\(Words.size(files.databaseBytes)), WAL \(Words.size(files.walBytes))\(state)"),
            row("disk", files.freeBytes.map { "\(Words.size($0)) free" } ?? "free space not known"),
        ] + quarantined.suffix(Self.most)
    }

    private var batches: [String] {
        let shown = status.batches.prefix(Self.most).flatMap(describe)
        let rest = status.batches.count - Self.most
        return shown + (rest > 0 ? ["and \(Words.count(rest, "more batch", "more batches"))"] : [])
    }

    private func describe(_ batch: SpoolStatus.InFlightBatch) -> [String] {
        let tried = batch.lastAttemptAt.map { ", last at \($0.words)" } ?? ""
        let attempts = batch.attempts == 0 ? "not failed yet" : "failed \(Words.count(batch.attempts, "time"))\(tried)"
        let size = "\(Words.count(batch.records, "record")), \(Words.size(batch.payloadBytes))"
        return [
            "batch \(Paragraph.oneLine(batch.token))", "  \(size), frozen \(batch.frozenAt.words) UTC, \(attempts)",
        ]
            + (batch.lastError.map { Paragraph.lines($0, first: "  last error: ", indent: "  ", atMost: 3) } ?? [])
    }

    private var advice: [String] {
        let list = Advice.list(view)
        if list.isEmpty { return [] }
        return ["", "what to do"] + list.flatMap { Paragraph.lines($0.text, first: "- ", indent: "  ") }
    }
}

extension SpoolStatus.DeadLetterGroup {
    fileprivate var title: String { code.map { "code \($0)" } ?? "no code" }

    /// Without what the line above it says.
    fileprivate var plainMessage: Substring {
        message.trimmingPrefix("Code: \(code ?? 0). DB::Exception: ")
    }

    fileprivate var period: String {
        firstAt == lastAt ? "at \(firstAt.words) UTC" : "\(firstAt.words) to \(lastAt.words) UTC"
    }
}

extension SpoolOrigin {
    /// As the view `spool_status` has it.
    var words: String { "copy of \(copyOf), found \(foundAt.words)" }
}

extension SpoolConfiguration.Durability {
    fileprivate var words: String {
        switch self {
        case .powerLoss: "power loss"
        case .processCrash: "the death of the process, not power loss"
        }
    }
}
