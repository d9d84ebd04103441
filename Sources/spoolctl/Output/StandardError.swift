internal import ClickHouseWriter
internal import Glibc

/// What is said beside the output: hints, questions, warnings.
enum StandardError {
    /// Nothing in it acts on a terminal.
    static func say(_ text: String, terminator: String = "\n") {
        draw(VisibleText.escapeLines(text) + terminator)
    }

    /// As it is, for a line that is redrawn in place.
    static func draw(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
