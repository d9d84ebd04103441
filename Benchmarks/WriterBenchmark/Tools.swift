import AsyncHTTPClient
import BenchmarkSupport
import Foundation
import Glibc
import NIOCore
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

    /// The folder of this package.
    static let package = (1...3).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }

    /// A program of this package, built along.
    static func built(_ name: String) -> String {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: name)
            .path(percentEncoded: false)
    }

    /// Waits until the server that `who` is answers at the URL.
    static func waitUntilReady(_ url: String, _ who: String) async throws {
        for _ in 0..<300 {
            if let response = try? await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(1)),
                response.status == .ok, (try? await response.body.collect(upTo: 1 << 20)) != nil
            {
                return
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Unmeasurable("\(who) does not answer")
    }

    /// One that nobody has at the moment, for who cannot be told to take any.
    static func freePort() throws -> UInt16 {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(file) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, length) == 0 && getsockname(file, $0, &length) == 0
            }
        }
        guard isBound else { throw Unmeasurable("there is no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// - Parameter tool: its name, or its path.
    /// - Returns: what it prints.
    static func run(_ tool: String, _ arguments: [String]) async throws -> String {
        let result = try await Subprocess.run(
            executable(tool),
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
            executable(tool),
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

    private static func executable(_ tool: String) -> Executable {
        tool.contains("/") ? .path(FilePath(tool)) : .name(tool)
    }
}
