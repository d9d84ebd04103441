internal import Foundation

/// Runs `body` with a new, empty directory and removes it afterwards.
package func withTemporaryDirectory<Result>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (String) async throws -> Result
) async throws -> Result {
    let url = FileManager.default.temporaryDirectory
        .appending(path: "clickhouse-writer-\(UUID().uuidString)", directoryHint: .isDirectory)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    let path = url.resolvingSymlinksInPath().path(percentEncoded: false)
    return try await body(path.hasSuffix("/") ? String(path.dropLast()) : path)
}
