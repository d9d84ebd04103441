internal import Glibc

/// Whether an output can be redrawn in place, and how wide it is.
struct Terminal: Sendable {
    private let descriptor: Int32?

    /// What cannot be redrawn.
    static let none = Terminal(descriptor: nil)

    static let standardError = Terminal(descriptor: STDERR_FILENO)

    /// Columns at this moment: windows change. nil when it is no terminal.
    var width: Int? {
        guard let descriptor, isatty(descriptor) == 1, !isDumb else { return nil }
        var size = winsize()
        // Safe: TIOCGWINSZ fills in a winsize.
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Emacs and others show control sequences as they are.
    private var isDumb: Bool {
        // Safe: nothing in this process changes the environment.
        unsafe getenv("TERM").map { unsafe String(cString: $0) } == "dumb"
    }
}
