internal import Foundation

/// A directory for spools, made when it is first needed and removed with its owner.
final class SpoolDirectory: Sendable {
    private let url = FileManager.default.temporaryDirectory
        .appending(path: "clickhouse-writer-testing-\(UUID().uuidString)", directoryHint: .isDirectory)

    deinit {
        // Absent when every writer was given a path.
        try? FileManager.default.removeItem(at: url)
    }

    /// The path of a spool that does not exist yet. Where the directory cannot be made, opening the spool says so.
    func makeSpoolPath() -> String {
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url.appending(path: "\(UUID().uuidString).spool").path(percentEncoded: false)
    }
}
