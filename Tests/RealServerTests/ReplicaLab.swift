import AsyncHTTPClient
import Foundation
import NIOCore
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Two replicas that somebody else has set up, to be killed and started.
///
/// The environment gives it: `CLICKHOUSE_REPLICA_URLS`, two URLs with a comma between, and `CLICKHOUSE_REPLICA_CONTROL`,
/// a command to which `kill a`, `start b` and so on are appended; the first URL's is `a`. `start` returns when the
/// server answers.
struct ReplicaLab: Sendable {
    let replicas: [ClickHouseServer]
    private let control: [String]

    /// nil where there is none.
    static let given: ReplicaLab? = {
        let environment = ProcessInfo.processInfo.environment
        let urls = (environment["CLICKHOUSE_REPLICA_URLS"] ?? "").split(separator: ",")
        let control = (environment["CLICKHOUSE_REPLICA_CONTROL"] ?? "").split(separator: " ")
        guard urls.count == 2, !control.isEmpty else { return nil }
        return ReplicaLab(
            replicas: urls.map { ClickHouseServer(url: String($0)) },
            control: control.map(String.init)
        )
    }()

    func kill(_ name: String) async throws {
        try await run("kill", name)
    }

    func start(_ name: String) async throws {
        try await run("start", name)
    }

    private func run(_ arguments: String...) async throws {
        let result = try await Subprocess.run(
            .name(control[0]),
            arguments: Arguments(Array(control.dropFirst()) + arguments),
            output: .discarded,
            error: .string(limit: 1 << 16)
        )
        guard result.terminationStatus == .exited(0) else {
            throw ClickHouseServer.Failure(text: "\(arguments): \(result.standardError)")
        }
    }

    /// Runs a query at every replica.
    func query(_ sql: String) async throws -> [String] {
        var answers: [String] = []
        for replica in replicas { answers.append(try await replica.query(sql)) }
        return answers
    }
}
