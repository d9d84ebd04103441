internal import SQLiteSpool

/// A moment of `spoolctl watch` as the lines of a terminal.
struct WatchScreen {
    var path: String
    var now: WallInstant
    /// What was read, or why it could not be.
    var latest: Result<SpoolView, SpoolError>
    var history: WatchHistory
    var interval: Duration

    private static let labelWidth = 13
    private static let numberWidth = 9

    /// At most `rows` lines of at most `columns` characters; what matters least is last, and left out first.
    func lines(columns: Int, rows: Int) -> [String] {
        let lines = [title(columns)] + rates(columns) + details(columns)
        let fitting = lines.count <= rows ? lines : lines.prefix(max(0, rows - 1)) + ["…"]
        return fitting.prefix(rows).map { Paragraph.cut($0, to: columns) }
    }

    private func title(_ columns: Int) -> String {
        let time = "\(now.words) UTC"
        let room = columns - time.count - 2
        return room < 10 ? Paragraph.cut(path, to: columns) : Paragraph.cut(path, to: room).padding(to: room + 2) + time
    }

    private func rates(_ columns: Int) -> [String] {
        [("depth", \WatchHistory.Point.depth), ("writes/s", \.writesPerSecond), ("delivered/s", \.deliveredPerSecond)]
            .map { name, value in
                let room = columns - Self.labelWidth - Self.numberWidth - 2
                let number = history.latest[keyPath: value].map(Self.number) ?? "-"
                let indent = String(repeating: " ", count: max(0, Self.numberWidth - number.count))
                let line = Sparkline.text(history.columns(room) { $0[keyPath: value] })
                return name.padding(to: Self.labelWidth) + indent + number + "  " + line
            }
    }

    private func details(_ columns: Int) -> [String] {
        switch latest {
        case .failure(let error):
            return Paragraph.lines("waiting: \(error)", width: columns, indent: "  ")
        case .success(let view):
            let advice = Advice.list(view).flatMap {
                Paragraph.lines($0.text, width: columns, first: "- ", indent: "  ")
            }
            return state(view, columns) + [""] + advice + (advice.isEmpty ? [] : [""]) + footer(view)
        }
    }

    private func state(_ view: SpoolView, _ columns: Int) -> [String] {
        let status = view.status
        let batches = status.batches.isEmpty ? "" : " in \(Words.count(status.batches.count, "batch", "batches"))"
        let attempts = status.batches.map(\.attempts).max() ?? 0
        let failed = attempts == 0 ? "" : ", failed \(Words.count(attempts, "time"))"
        let error = status.lastError.map {
            Paragraph.lines($0, width: columns, first: row("last error", ""), indent: row("", ""), atMost: 4)
        }
        return [
            row("delivery", status.state.rawValue),
            row("pending", Words.grouped(status.pending)),
            row("in flight", Words.grouped(status.inFlight) + batches + failed),
            row("oldest", status.oldestPendingSeconds.map(Words.age) ?? "-"),
            row("dead letters", Words.grouped(status.deadLetters)),
            row("dropped", Words.grouped(status.dropped)),
        ] + (error ?? [])
    }

    private func footer(_ view: SpoolView) -> [String] {
        let files = view.files
        let owner = files.owner.words ?? "none yet"
        let free = files.freeBytes.map { ", \(Words.size($0)) free" } ?? ""
        return [
            row("owner", files.owner.isAlive || files.owner.process == nil ? owner : "none; the last was \(owner)"),
            row("files", "\(Words.size(files.databaseBytes)), WAL \(Words.size(files.walBytes))\(free)"),
            row("guarantee", view.status.guarantee ?? "not known yet"),
            "",
            "The last \(Self.span(interval * history.points.count)); Ctrl-C ends.",
        ]
    }

    private func row(_ name: String, _ value: String) -> String {
        name.padding(to: Self.labelWidth) + value
    }

    /// Whole where that says enough.
    static func number(_ value: Double) -> String {
        if value > 0, value < 10, value != value.rounded() { return "\((value * 10).rounded() / 10)" }
        return Words.grouped(Int(min(value, 1e15).rounded()))
    }

    private static func span(_ duration: Duration) -> String {
        duration < .seconds(2) ? "moment" : Words.age(Int(duration.components.seconds))
    }
}
