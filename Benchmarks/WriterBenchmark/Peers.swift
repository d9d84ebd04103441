import Foundation

/// The queues in Python that are measured beside ours.
enum Peers {
    static let queues = Tools.package.appending(path: "Benchmarks/Peers/queues.py").path(percentEncoded: false)

    /// The Python that has them; nil when there is none. Made by `Benchmarks/run`.
    static let python = {
        // Not with its links resolved: where it lies is how Python knows its packages.
        let path = Tools.package.appending(path: ".build-peers/bin/python").path(percentEncoded: false)
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static let advice = "they need python3-venv and PyPI"
}
