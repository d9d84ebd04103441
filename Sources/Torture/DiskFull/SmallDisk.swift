internal import ArgumentParser
internal import Foundation
internal import Glibc
internal import Subprocess
internal import SystemPackage

/// A disk that is soon full.
struct SmallDisk: Codable {
    enum Kind: String, Codable, CaseIterable, ExpressibleByArgument {
        /// A file system of its own: in memory, or in a file that is mounted as a disk.
        case tmpfs, ext4, xfs, btrfs
        /// Where nothing may be mounted: a limit on the size of files. SQLite takes that for a failing disk, not for a
        /// full one, and nothing that was reserved helps, so less can be asked of the writer.
        case fileSizeLimit = "file-size-limit"

        /// Whether the disk itself gets full.
        var isFileSystem: Bool { self != .fileSizeLimit }

        /// The smallest that the file system can be made with, at most.
        fileprivate var imageBytes: Int {
            switch self {
            case .tmpfs, .fileSizeLimit: 48 << 20
            case .ext4: 128 << 20
            case .xfs: 320 << 20
            case .btrfs: 256 << 20
            }
        }
    }

    let directory: String
    let kind: Kind

    /// Runs `body` with one, and does away with it afterwards.
    ///
    /// - Parameter kind: nil takes a tmpfs where one may be mounted, and else a limit on the size of files.
    static func with<Result>(
        in parent: String,
        _ kind: Kind?,
        _ body: (SmallDisk) async throws -> Result
    ) async throws -> Result {
        let directory = parent + "/disk"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let isMounted = try await mount(kind ?? .tmpfs, at: directory)
        if let kind, kind.isFileSystem, !isMounted {
            throw ValidationError("cannot mount a file system of type \(kind.rawValue): that needs root and its mkfs")
        }
        defer { if isMounted { unsafe umount2(directory, Int32(MNT_DETACH)) } }
        return try await body(SmallDisk(directory: directory, kind: isMounted ? kind ?? .tmpfs : .fileSizeLimit))
    }

    private static func mount(_ kind: Kind, at directory: String) async throws -> Bool {
        switch kind {
        case .fileSizeLimit: return false
        case .tmpfs:
            return unsafe Glibc.mount("torture", directory, "tmpfs", 0, "size=\(kind.imageBytes),mode=0700") == 0
        case .ext4, .xfs, .btrfs:
            let image = directory + ".image"
            guard FileManager.default.createFile(atPath: image, contents: nil),
                unsafe truncate(image, kind.imageBytes) == 0,
                try await succeeds("mkfs.\(kind.rawValue)", "-q", image)
            else { return false }
            return try await succeeds("mount", "-o", "loop", image, directory)
        }
    }

    private static func succeeds(_ command: String, _ arguments: String...) async throws -> Bool {
        let result = try? await Subprocess.run(
            .name(command),
            arguments: Arguments(arguments),
            input: .none,
            output: .discarded,
            error: .discarded
        )
        return result?.terminationStatus == .exited(0)
    }
}
