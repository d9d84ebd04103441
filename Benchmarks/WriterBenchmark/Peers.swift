import Foundation

/// Where the programs are that are measured beside ours.
enum Peers {
    /// A program of this package, built along.
    static func built(_ name: String) -> String {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: name)
            .path(percentEncoded: false)
    }

    /// The queues in Python.
    static let queues = package + "/Benchmarks/Peers/queues.py"

    /// The Python that has them; nil when there is none. Made by `Benchmarks/run`.
    static let python = {
        // Not with its links resolved: where it lies is how Python knows its packages.
        let path = package + "/.build-peers/bin/python"
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static let advice = "they need python3-venv and PyPI"

    private static let package = (1...3).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        .path(percentEncoded: false).trimmingSuffix("/")
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
