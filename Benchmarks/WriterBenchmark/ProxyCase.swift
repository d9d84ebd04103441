import ClickHouseStandIn
import Foundation
import Subprocess

/// What becomes of the traces while the proxy is measured.
enum ProxyCase: String, CaseIterable {
    case without
    /// The difference to the first is what the measurement can tell.
    case withoutAgain = "without again"
    case up = "ClickHouse up"
    case down = "ClickHouse down"
    case hanging = "ClickHouse hanging"
    /// ClickHouse is down too, so that nothing but the disk differs from ``down``.
    case slowDisk = "slow disk"
    /// All traces but one are lost, and counted.
    case fullSpool = "spool full"

    var writesTraces: Bool { self != .without && self != .withoutAgain }

    var options: [String] { writesTraces ? [] : ["--no-traces"] }

    /// - Parameter slowSync: the library that slows the disk down.
    func environment(slowSync: String) -> [Environment.Key: String] {
        switch self {
        case .slowDisk: ["LD_PRELOAD": slowSync]
        case .fullSpool: ["CLICKHOUSE_MAX_RECORDS": "1"]
        default: [:]
        }
    }

    /// Runs `body` with the URL of a ClickHouse like that.
    func withClickHouse<Result: Sendable>(
        in directory: String,
        _ body: (String) async throws -> Result
    ) async throws -> Result {
        let nobody = "http://127.0.0.1:1"
        if self == .up {
            let own = directory + "/clickhouse"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: false)
            // ClickHouse has processors of its own. This one takes none from the proxy.
            return try await MeasuredProxy.run(in: own, ["--no-traces"], environment: [:], isIdle: true) { other in
                try await body(other.standIn ?? nobody)
            }
        }
        guard self == .hanging else { return try await body(nobody) }
        let server = try await StandInServer.start(store: StandInStore(path: directory + "/stand-in.sqlite"))
        server.faults.setStanding(.hang)
        let result = await Swift.Result { try await body(server.url) }
        await server.stop()
        await server.store.close()
        return try result.get()
    }
}

extension Result where Failure == any Error {
    init(catching body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
