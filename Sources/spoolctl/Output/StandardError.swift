internal import Glibc

/// What is said beside the output: hints, questions, warnings.
enum StandardError {
    static func say(_ text: String, terminator: String = "\n") {
        let bytes = Array((text + terminator).utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
