import Foundation
import Subprocess
import SystemPackage

/// The programs of others that measuring the proxy takes.
enum Tools {
    /// nginx is where only root's path leads.
    private static let environment = Environment.inherit.updating([
        "PATH": (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin"
    ])

    /// - Throws: ``Unmeasurable``, naming the packages to install.
    static func check() async throws {
        var missing: [String] = []
        for (tool, package) in [("nginx", "nginx"), ("wrk", "wrk"), ("cc", "gcc libc6-dev")] {
            do {
                _ = try await Executable.name(tool).resolveExecutablePath(in: environment)
            } catch {
                missing.append(package)
            }
        }
        guard missing.isEmpty else {
            throw Unmeasurable("programs are missing: apt-get install -y \(missing.joined(separator: " "))")
        }
    }

    /// - Parameter tool: its name, or its path.
    /// - Returns: what it prints.
    static func run(_ tool: String, _ arguments: [String]) async throws -> String {
        let result = try await Subprocess.run(
            tool.contains("/") ? .path(FilePath(tool)) : .name(tool),
            arguments: Arguments(arguments),
            environment: environment,
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        )
        guard result.terminationStatus.isSuccess else { throw Unmeasurable("\(tool): \(result.standardError)") }
        return result.standardOutput
    }

    /// Runs `body` while the tool runs, and ends it.
    static func run<Result: Sendable>(
        _ tool: String,
        _ arguments: [String],
        during body: () async throws -> Result
    ) async throws -> Result {
        try await Subprocess.run(
            .name(tool),
            arguments: Arguments(arguments),
            environment: environment,
            input: .none,
            output: .discarded,
            error: .currentStandardError
        ) { process in
            defer { try? process.send(signal: .terminate) }
            return try await body()
        }.closureResult
    }
}

/// Why there are no figures, or none to believe.
struct Unmeasurable: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
