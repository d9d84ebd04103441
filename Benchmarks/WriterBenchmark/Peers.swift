import Foundation

/// Where the programs are that are measured beside ours.
enum Peers {
    /// A program of this package, built along.
    static func built(_ name: String) -> String {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: name)
            .path(percentEncoded: false)
    }

    /// The queues in Python.
    static let queues = source("Peers/queues.py")

    /// The Python that has them; nil when there is none. Made by `Benchmarks/run`.
    static let python = {
        let path = source("../.build-peers/bin/python")
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static let advice = "they need python3-venv and PyPI"

    /// - Parameter path: from the folder of the benchmarks.
    private static func source(_ path: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../\(path)").standardizedFileURL
            .path(percentEncoded: false)
    }
}
