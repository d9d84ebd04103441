import AsyncHTTPClient
import BenchmarkSupport
import Foundation
import NIOCore
import Subprocess
import SystemPackage

/// The real binary, running, with a file system and an environment of its own.
struct MeasuredProxy {
    private static let executable = Tools.built("llm-proxy")

    let url: String

    /// The URL of its stand-in for ClickHouse, where it has one.
    let standIn: String?

    private let processID: pid_t

    /// Starts it in `directory`, runs `body`, and ends it.
    ///
    /// - Parameter isIdle: whether it has only the processors' time that nothing else wants.
    static func run<Value: Sendable>(
        in directory: String,
        _ options: [String],
        environment: [Environment.Key: String],
        isIdle: Bool = false,
        _ body: (MeasuredProxy) async throws -> Value
    ) async throws -> Value {
        let result = try await Subprocess.run(
            .path(FilePath(isIdle ? "/usr/bin/chrt" : executable)),
            arguments: Arguments((isIdle ? ["-i", "0", executable] : []) + ["--listen", "127.0.0.1:0"] + options),
            // What is left goes with the directory, so there is nothing to wait for at the end.
            environment: .custom(environment.merging(["CLICKHOUSE_SHUTDOWN_TIMEOUT": "100ms"]) { given, _ in given }),
            workingDirectory: FilePath(directory),
            input: .none,
            output: .sequence,
            error: .string(limit: 1 << 20)
        ) { process in
            var url: String?
            var standIn: String?
            var outcome: Result<Value, any Error>?
            for try await line in process.standardOutput.strings() {
                if let rest = line.wholeMatch(of: /llm-proxy listens on ([^,]*), .*/)?.1 { url = String(rest) }
                if let rest = line.wholeMatch(of: /ClickHouse is a stand-in at ([^,]*), .*/)?.1 {
                    standIn = String(rest)
                }
                guard line.hasPrefix("try: "), let url else { continue }
                let proxy = MeasuredProxy(url: url, standIn: standIn, processID: process.processIdentifier.value)
                outcome = await Result { try await body(proxy) }
                try? process.send(signal: .terminate)
            }
            return outcome
        }
        do {
            if let outcome = result.closureResult, result.terminationStatus.isSuccess { return try outcome.get() }
            throw Unmeasurable("llm-proxy \(result.terminationStatus)")
        } catch {
            throw Unmeasurable("\(error); the proxy said:\n\(result.standardError)")
        }
    }

    /// Traces of which the proxy knows what became of them, since it started.
    var traces: Int {
        get async throws {
            let response = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: url + "/status.json"),
                timeout: .seconds(10)
            )
            let body = String(buffer: try await response.body.collect(upTo: 1 << 20))
            let status = try JSONDecoder().decode(Status.self, from: Data(body.utf8))
            return status.written + status.lost
        }
    }

    private struct Status: Decodable {
        let written: Int
        let lost: Int
    }

    /// What its threads have used of the processors, in seconds.
    var processorTime: Double {
        get throws {
            let line = try String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8)
            // Behind the name, which may hold anything, `utime` and `stime` are the 12th and 13th: proc(5).
            let fields = line[(line.lastIndex(of: ")") ?? line.startIndex)...].split(separator: " ").dropFirst()
            let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
            return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
    }
}
