internal import Foundation

/// Runs `body` with a new, empty directory, and removes it afterwards unless `body` throws: then it is evidence.
func withWorkDirectory<Result>(_ name: String, _ body: (String) async throws -> Result) async throws -> Result {
    let url = FileManager.default.temporaryDirectory
        .appending(path: "torture-\(name)-\(UUID().uuidString.lowercased())", directoryHint: .notDirectory)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    let path = url.resolvingSymlinksInPath().path(percentEncoded: false)
    do {
        let result = try await body(path)
        try? FileManager.default.removeItem(atPath: path)
        return result
    } catch {
        report("what was found is in \(path)")
        throw error
    }
}
