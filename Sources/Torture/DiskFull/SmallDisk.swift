internal import Foundation
internal import Glibc

/// A disk that is soon full.
struct SmallDisk: Codable {
    enum Kind: String, Codable {
        /// A tmpfs of its own.
        case tmpfs
        /// Where nothing may be mounted: a limit on the size of files. SQLite takes that for a failing disk, not for a
        /// full one, and nothing that was reserved helps, so less can be asked of the writer.
        case fileSizeLimit
    }

    static let bytes = 48 << 20

    let directory: String
    let kind: Kind

    /// Runs `body` with one, and does away with it afterwards.
    static func with<Result>(in parent: String, _ body: (SmallDisk) async throws -> Result) async throws -> Result {
        let directory = parent + "/disk"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let isMounted = unsafe mount("torture", directory, "tmpfs", 0, "size=\(bytes),mode=0700") == 0
        defer { if isMounted { unsafe umount2(directory, Int32(MNT_DETACH)) } }
        return try await body(SmallDisk(directory: directory, kind: isMounted ? .tmpfs : .fileSizeLimit))
    }
}
