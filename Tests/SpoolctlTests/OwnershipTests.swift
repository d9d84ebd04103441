import Foundation
import Glibc
import SQLiteSpool
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// As after `sudo spoolctl …`, or a backup that root has put back: the real binary, run as another user.
@Suite(.startsProcesses, .enabled(if: geteuid() == 0)) struct OwnershipTests {
    private static let user: UInt32 = 65_534

    /// Has the real proxy open the spool, and says what it says.
    private func open(_ path: String, as user: UInt32) async throws -> String {
        let result = try await Subprocess.run(
            .name("setpriv"),
            arguments: [
                "--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", builtProduct("llm-proxy"), "--listen",
                "127.0.0.1:0", "--clickhouse-url", "http://127.0.0.1:1", "--spool", path,
            ],
            input: .none,
            output: .discarded,
            error: .string(limit: 1 << 16)
        )
        return result.standardError
    }

    private func give(_ path: String, to user: UInt32) {
        _ = unsafe chown(path, user, user)
    }

    private func giveFiles(_ path: String, to user: UInt32) {
        for suffix in ["", "-wal", "-shm", ".lock"] { give(path + suffix, to: user) }
    }

    private func directory(_ path: String) -> String { URL(filePath: path).deletingLastPathComponent().path }

    @Test func `files of another user are named, with both users and the command that gives all of them back`()
        async throws
    {
        try await withLetterSpool { path in
            give(directory(path), to: Self.user)
            for file in [path + ".lock", path] {
                let message = try await open(path, as: Self.user)
                #expect(
                    message.contains(
                        """
                        \(file) belongs to user 0, and this process runs as user 65534; if you trust what is in it, run: \
                        chown 65534 \(path)*
                        """
                    ),
                    "\(message)"
                )
                give(file, to: Self.user)
            }
        }
    }

    @Test func `root is told to be that user, and not to take the files`() async throws {
        try await withLetterSpool { path in
            giveFiles(path, to: Self.user)
            let outcome = try await SpoolctlUnderTest.run(["dead-letters", "requeue", path, "--all"])
            #expect(
                outcome.messages.contains(
                    "belongs to user 65534, and this process runs as user 0; run this as that user"
                )
            )
            #expect(!outcome.messages.contains("chown"))
        }
    }

    @Test func `a directory that may not be written to is told apart`() async throws {
        try await withLetterSpool { path in
            giveFiles(path, to: Self.user)
            give(directory(path), to: 0)
            chmod(directory(path), 0o755)
            let message = try await open(path, as: Self.user)
            #expect(
                message.contains(
                    "runs as user 65534, and may not write to the directory \(directory(path))/, which belongs to user 0 (mode 755)"
                ),
                "\(message)"
            )
            #expect(message.contains("Run: chown 65534 \(directory(path))/"))
        }
    }

    @Test func `whoever may not read a spool is told whose it is`() async throws {
        try await withLetterSpool { path in
            chmod(directory(path), 0o777)
            let result = try await Subprocess.run(
                .name("setpriv"),
                arguments: [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", builtProduct("spoolctl"), "status", path,
                ],
                input: .none,
                output: .discarded,
                error: .string(limit: 1 << 16)
            )
            #expect(result.terminationStatus == .exited(1))
            #expect(
                result.standardError.contains(
                    "\(path) belongs to user 0, and this process, which runs as user 65534, may not read it"
                ),
                "\(result.standardError)"
            )
        }
    }
}
