/// The terminal at standard output, drawn on again and again.
struct Screen {
    private static let enterText = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    private static let leaveText = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    /// nil when nobody looks at it.
    init?() {
        guard Terminal.standardOutput.isThere else { return nil }
    }

    var size: (columns: Int, rows: Int) { Terminal.standardOutput.size ?? (80, 24) }

    /// Turns to the second screen, hides the cursor, and cuts what is too wide instead of wrapping it.
    func enter() throws { try StandardOutput.write(Self.enterText) }

    /// Turns back to what was there before.
    func leave() throws { try StandardOutput.write(Self.leaveText) }

    /// Over what was drawn before, so that nothing flickers.
    func draw(_ lines: [String]) throws {
        // Each line is cleared before it is written: behind a full one the cursor stands on its last character.
        let text = lines.map { "\u{1B}[2K" + $0 }.joined(separator: "\r\n")
        try StandardOutput.write("\u{1B}[H" + text + "\r\n\u{1B}[J")
    }
}
