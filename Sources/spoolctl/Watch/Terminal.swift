internal import Foundation
internal import Glibc

/// The terminal at the standard output, as far as drawing a screen again and again needs it.
struct Terminal {
    private static let enterText = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    private static let leaveText = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    /// nil when the standard output is no terminal, or one that cannot move its cursor.
    init?() {
        guard isatty(STDOUT_FILENO) == 1, ProcessInfo.processInfo.environment["TERM"] != "dumb" else { return nil }
    }

    /// What fits on it now; 80 by 24 when it does not say.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        let code = unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size)
        guard code == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

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

/// Written at once, also where it goes to a pipe.
enum StandardOutput {
    static func write(_ text: String) throws {
        try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }
}
