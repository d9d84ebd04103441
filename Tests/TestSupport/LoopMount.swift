internal import Foundation
internal import Glibc
internal import Subprocess

/// A file system in a file, mounted as a disk.
package enum LoopMount {
    /// Whether this process may mount one of the type, and can make it.
    package static func canMake(_ type: String) -> Bool {
        func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        let rights = text("/proc/self/status").split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let bits = rights.flatMap { UInt64($0.dropFirst(7).filter { !$0.isWhitespace }, radix: 16) } ?? 0
        // CAP_SYS_ADMIN
        return bits & 1 << 21 != 0 && text("/proc/filesystems").contains("\t\(type)\n")
            && FileManager.default.fileExists(atPath: "/dev/loop-control")
            && ["/sbin", "/usr/sbin"].contains { FileManager.default.isExecutableFile(atPath: "\($0)/mkfs.\(type)") }
    }

    /// Runs `body` with the directory where a new one is mounted, which goes away afterwards.
    package static func with<Result>(
        _ type: String,
        megabytes: Int,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (String) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { directory in
            let (image, place) = (directory + "/image", directory + "/disk")
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
            guard FileManager.default.createFile(atPath: image, contents: nil),
                unsafe truncate(image, megabytes << 20) == 0
            else { throw CocoaError(.fileWriteUnknown) }
            try await run("mkfs.\(type)", "-q", image)
            try await run("mount", "-o", "loop", image, place)
            defer { unsafe umount2(place, Int32(MNT_DETACH)) }
            return try await body(place)
        }
    }

    /// Runs a command of the system to its end.
    package static func run(_ command: String, _ arguments: String...) async throws {
        let result = try await Subprocess.run(
            .name(command),
            arguments: Arguments(arguments),
            input: .none,
            output: .discarded,
            error: .string(limit: 4_096)
        )
        guard result.terminationStatus == .exited(0) else {
            throw Failed(command: "\(command) \(arguments.joined(separator: " "))", message: result.standardError)
        }
    }

    package struct Failed: Error {
        let command: String
        let message: String
    }
}
