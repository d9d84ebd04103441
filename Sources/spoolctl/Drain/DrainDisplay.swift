internal import ClickHouseWriter

/// Shows a drain on standard error: one line that is redrawn in place on a terminal, a line every few seconds elsewhere.
actor DrainDisplay {
    private static let lineInterval = Duration.seconds(5)

    private let terminal: Terminal
    private let write: @Sendable (String) -> Void
    private var progress: DrainProgress
    private let deadLettersBefore: Int
    private var nextLine = lineInterval
    private var isDrawn = false
    private var saidReason: String?
    private var saidGuarantee: String?

    /// What is shown of a delivery.
    struct State {
        /// Records that ClickHouse has not provably accepted yet.
        var undelivered: Int
        var deadLetters: Int
        var guarantee: String?
    }

    /// - Parameters:
    ///   - start: how it is at the start.
    ///   - write: to standard error, when it is not a test's.
    init(
        _ start: State,
        terminal: Terminal,
        write: @escaping @Sendable (String) -> Void = { StandardError.draw($0) }
    ) {
        progress = DrainProgress(total: start.undelivered)
        deadLettersBefore = start.deadLetters
        self.terminal = terminal
        self.write = write
    }

    /// - Parameter time: since the start.
    func show(_ state: State, at time: Duration) {
        if let guarantee = state.guarantee, guarantee != saidGuarantee {
            saidGuarantee = guarantee
            say("ClickHouse answers, the table's guarantee is: \(guarantee)")
        }
        // The next failure is another one, and worth saying though it has the same reason.
        if state.undelivered < progress.left { saidReason = nil }
        let deadLetters = max(0, state.deadLetters - deadLettersBefore)
        progress.observe(left: state.undelivered, deadLetters: deadLetters, at: time)
        if let width = terminal.size?.columns {
            // Erased behind its end, because the line before may have been longer. The last column would wrap.
            write("\r\(progress.bar(width: width - 1))\u{1b}[K")
            isDrawn = true
        } else if time >= nextLine {
            nextLine = time + Self.lineInterval
            write(progress.line + "\n")
        }
    }

    /// Says why nothing goes on, once for each reason, and from now on when it will.
    ///
    /// - Parameter nextAttempt: since the start.
    func wait(for reason: String, nextAttempt: Duration) {
        progress.nextAttempt = nextAttempt
        guard reason != saidReason else { return }
        saidReason = reason
        say("waiting until it works, Ctrl-C ends it: \(reason)")
    }

    func goOn() {
        progress.nextAttempt = nil
    }

    /// A line that stays. What it quotes of ClickHouse's or the spool's may not act on the terminal.
    func say(_ line: String) {
        write((isDrawn ? "\r\u{1b}[K" : "") + Paragraph.oneLine(line) + "\n")
        isDrawn = false
    }

    /// Leaves what was drawn last on the screen.
    func end() {
        if isDrawn { write("\n") }
        isDrawn = false
    }
}

extension DrainDisplay.State {
    init(_ status: WriterStatus) {
        self.init(
            undelivered: status.pending + status.inFlight,
            deadLetters: status.deadLetters,
            guarantee: status.guarantee
        )
    }
}
