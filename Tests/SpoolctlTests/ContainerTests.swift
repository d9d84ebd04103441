import Foundation
import Glibc
@testable import SQLiteSpool
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// What a spool's owner looks like from another container: real namespaces, which only root can make.
@Suite(.startsProcesses) struct ContainerTests {
    private static let canUnshare: Bool = {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/unshare")
        process.arguments = ["--mount", "--pid", "--fork", "--mount-proc", "true"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// Runs a shell script in namespaces of its own; `$0` is spoolctl and `$1` the directory.
    private static func isolated(_ script: String, _ directory: String) async throws -> (output: String, error: String)
    {
        let result = try await Subprocess.run(
            .path("/usr/bin/unshare"),
            arguments: [
                "--mount", "--pid", "--fork", "--mount-proc", "--uts", "sh", "-c", "hostname elsewhere; \(script)",
                builtProduct("spoolctl"), directory,
            ],
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        )
        return (result.standardOutput, result.standardError)
    }

    @Test(.enabled(if: canUnshare, "it needs the right to make namespaces"))
    func `a spool's file that is mounted by itself is refused, and an owner elsewhere has it locked`() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try Spool(SpoolConfiguration(path: directory + "/s"))
            try await spool.append([UInt8]("{\"n\":1}".utf8))
            let file = try await Self.isolated(
                """
                touch $1/t; mount --bind $1/s $1/t
                "$0" dead-letters discard $1/t --all --yes
                flock --nonblock $1/t true || echo locked >&2
                """,
                directory
            )
            #expect(file.error.contains("\(directory)/t is mounted by itself"))
            #expect(file.error.contains("mount its directory instead"))
            #expect(file.error.contains("locked"))
            let place = try await Self.isolated(
                """
                mkdir $1/m; mount --bind $1 $1/m; rm $1/s.lock
                "$0" dead-letters discard $1/m/s --all --yes
                """,
                directory
            )
            #expect(place.error.contains("is in use by a process of another container, under this or another name"))
            await spool.close()
        }
    }

    @Test(.enabled(if: canUnshare, "it needs the right to make namespaces"))
    func `an owner in another container is alive, and named with its host`() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try Spool(SpoolConfiguration(path: directory + "/s"))
            try await spool.append([UInt8]("{\"n\":1}".utf8))
            let name = ProcessInfo.processInfo.hostName
            let alive = try await Self.isolated("\"$0\" status $1/s", directory)
            let owner = "process \(getpid()) of another container or machine (host "
            #expect(alive.output.contains("owner         \(owner)"), "\(name): \(alive)")
            #expect(!alive.output.contains("drain"))
            let refused = try await Self.isolated("\"$0\" dead-letters discard $1/s --all --yes", directory)
            #expect(refused.error.contains("is in use by \(owner)"))
            await spool.close()
            let dead = try await Self.isolated("\"$0\" status $1/s", directory)
            #expect(dead.output.contains("none; the last one was \(owner)"))
            #expect(dead.output.contains("drain"))
        }
    }
}
