import BenchmarkSupport
import Foundation

/// What is measured beside ours, and runs in programs of its own.
enum Peers {
    static let queues = Tools.package.appending(path: "Benchmarks/Peers/queues.py").path(percentEncoded: false)

    /// The Python that has them; nil when there is none. Made by `Benchmarks/run`.
    static let python = {
        // Not with its links resolved: where it lies is how Python knows its packages.
        let path = Tools.package.appending(path: ".build-peers/bin/python").path(percentEncoded: false)
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static let advice = "they need python3-venv and PyPI"

    /// syslog-ng's disk-buffer, with batches of 100 lines to a destination that answers at once. It never syncs.
    struct DiskBuffer {
        /// Lines into it, out of it again, and both at once.
        let write: Figures, drain: Figures, steady: Figures

        static func measure(seconds: Int, directory: String) async throws -> DiskBuffer {
            let script = Tools.package.appending(path: "Benchmarks/Peers/syslog_ng.py").path(percentEncoded: false)
            let output = try await Tools.run("python3", [script, directory, "\(seconds)"])
            let rates = output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
            guard rates.count == 3 else { throw Unmeasurable("syslog_ng.py says something else: \(output)") }
            return DiskBuffer(
                write: Figures(rowsPerSecond: rates[0]),
                drain: Figures(rowsPerSecond: rates[1]),
                steady: Figures(rowsPerSecond: rates[2])
            )
        }
    }
}
