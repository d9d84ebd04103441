internal import Foundation

/// A directory of our own that goes away with the value, in memory where the system has such a place.
struct ScratchDirectory: ~Copyable {
    let path: String
    private var count = 0

    init() throws {
        let memory = URL(filePath: "/dev/shm", directoryHint: .isDirectory)
        let base =
            FileManager.default.isWritableFile(atPath: memory.path) ? memory : FileManager.default.temporaryDirectory
        let url = base.resolvingSymlinksInPath().appending(path: "clickhouse-writer-torture-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path(percentEncoded: false)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// A new, empty directory in it.
    mutating func makeDirectory() throws -> String {
        count += 1
        let new = "\(path)/\(count)"
        try FileManager.default.createDirectory(atPath: new, withIntermediateDirectories: false)
        return new
    }
}
