internal import ClickHouseWriter
internal import Glibc

/// What people and scripts wait for. Nothing in it acts on a terminal.
enum StandardOutput {
    /// Written at once, with a line break behind it.
    ///
    /// - Throws: when it cannot be written.
    static func say(_ text: String) throws(Failure) { try write(text, to: STDOUT_FILENO) }

    /// For standard error, where nobody is left to be told of a failure.
    static func sayAsError(_ text: String) { try? write(text, to: STDERR_FILENO) }

    struct Failure: Error, CustomStringConvertible {
        let errno: Int32

        var description: String { unsafe "standard output cannot be written: \(String(cString: strerror(errno)))" }
    }

    private static func write(_ text: String, to file: Int32) throws(Failure) {
        var rest = Array((VisibleText.escapeLines(text) + "\n").utf8)[...]
        while !rest.isEmpty {
            // Safe: the pointer is used within the call only.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(errno: errno) }
            rest = rest.dropFirst(count)
        }
    }
}
