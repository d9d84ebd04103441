internal import Glibc

/// One of the process's standard streams, when somebody looks at it.
struct Terminal: Sendable {
    private let descriptor: Int32?

    static let standardInput = Terminal(descriptor: STDIN_FILENO)
    static let standardOutput = Terminal(descriptor: STDOUT_FILENO)
    static let standardError = Terminal(descriptor: STDERR_FILENO)

    /// A stream that nobody looks at.
    static let none = Terminal(descriptor: nil)

    /// Whether it shows what is written, however little it can do.
    var shows: Bool { descriptor.map { isatty($0) == 1 } ?? false }

    /// False for files and pipes, and for terminals that cannot move their cursor, as those in editors.
    var isThere: Bool {
        // Safe: nothing in this process changes the environment.
        guard let descriptor, isatty(descriptor) == 1 else { return false }
        return unsafe getenv("TERM").map { unsafe String(cString: $0) } != "dumb"
    }

    /// What fits on it at this moment, for windows change; 80 by 24 when it does not say. nil when it is not there.
    var size: (columns: Int, rows: Int)? {
        guard let descriptor, isThere else { return nil }
        var size = winsize()
        // Safe: TIOCGWINSZ fills in a winsize.
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
