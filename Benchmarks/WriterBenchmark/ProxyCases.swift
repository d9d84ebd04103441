import ArgumentParser
import BenchmarkSupport
import Foundation

struct ProxyCases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy",
        abstract: "What writing traces adds to the latency of llm-proxy for its clients, whatever ClickHouse does."
    )

    @Option(help: "How long each load of a case runs, in each round.")
    var seconds = 5

    @Option(help: "How often every case runs.")
    var rounds = 5

    @Option(help: "Requests a second, well below what the proxy can: at saturation latency shows the processors only.")
    var rate = 1_500

    @Option(help: "Where the spools are made.")
    var directory = "."

    @Option(help: "Where the figures go.")
    var results = "Benchmarks/results.json"

    func validate() throws {
        guard seconds > 0, rounds > 0, rate > 0 else {
            throw ValidationError("--seconds, --rounds and --rate must be at least 1.")
        }
    }

    func run() async throws {
        try await Tools.check()
        try await withDirectory(in: URL(filePath: directory).standardizedFileURL.path(percentEncoded: false)) { root in
            let slowSync = try await compileSlowSync(in: root)
            let rounds = try await StaticProvider.run(in: root) { provider in
                var rounds: [[ProxyCase: Figures]] = []
                for number in 1...self.rounds {
                    FileHandle.standardError.write(Data("round \(number) of \(self.rounds)\n".utf8))
                    var round: [ProxyCase: Figures] = [:]
                    // In any order, so that what drifts meanwhile speaks for none.
                    for proxyCase in ProxyCase.allCases.shuffled() {
                        round[proxyCase] = try await measure(proxyCase, provider, slowSync, in: root)
                    }
                    rounds.append(round)
                }
                return rounds
            }
            let report = ProxyReport(rounds: rounds, rate: rate)
            report.printTable()
            var results = try Results(path: results)
            report.add(to: &results)
            try results.write()
        }
    }

    struct Figures {
        let load: Load
        /// Microseconds of the proxy's, for one request.
        let processorTime: Double
        let saturated: Load
    }

    private func measure(
        _ proxyCase: ProxyCase,
        _ provider: String,
        _ slowSync: String,
        in root: String
    ) async throws -> Figures {
        try await withDirectory(in: root) { directory in
            try await proxyCase.withClickHouse(in: directory) { clickHouse in
                try await MeasuredProxy.run(
                    in: directory,
                    ["--upstream-url", provider, "--clickhouse-url", clickHouse] + proxyCase.options,
                    environment: proxyCase.environment(slowSync: slowSync)
                ) { proxy in
                    // The first requests open the connections to the provider, and fill the spool that is to be full.
                    _ = try await load(proxy, proxyCase, rate: rate, seconds: 1, in: directory)
                    let before = try proxy.processorTime
                    let load = try await load(proxy, proxyCase, rate: rate, seconds: seconds, in: directory)
                    let used = try proxy.processorTime - before
                    return Figures(
                        load: load,
                        processorTime: used * 1_000_000 / Double(load.requests),
                        saturated: try await self.load(proxy, proxyCase, rate: nil, seconds: seconds, in: directory)
                    )
                }
            }
        }
    }

    /// - Throws: ``Unmeasurable`` when a request failed, or has no trace.
    private func load(
        _ proxy: MeasuredProxy,
        _ proxyCase: ProxyCase,
        rate: Int?,
        seconds: Int,
        in directory: String
    ) async throws -> Load {
        let before = try await proxy.traces
        let load = try await Load.run(proxy.url, rate: rate, seconds: seconds, in: directory)
        guard load.requests > 0, load.errors == 0 else {
            throw Unmeasurable("\(proxyCase.rawValue): \(load.requests) requests, \(load.errors) failed")
        }
        // wrk does not count those that are under way at its end.
        let expected = proxyCase.writesTraces ? load.requests...load.requests + Load.connections : 0...0
        let traces = try await settledTraces(of: proxy, atLeast: before + expected.lowerBound) - before
        guard expected.contains(traces) else {
            throw Unmeasurable("\(proxyCase.rawValue): \(load.requests) requests have \(traces) traces")
        }
        return load
    }

    /// Traces follow their responses: waits until there are enough, and no more come.
    private func settledTraces(of proxy: MeasuredProxy, atLeast enough: Int) async throws -> Int {
        let deadline = ContinuousClock.now + .seconds(30)
        var (last, traces) = (-1, try await proxy.traces)
        while traces != last || traces < enough, .now < deadline {
            try await Task.sleep(for: .milliseconds(100))
            (last, traces) = (traces, try await proxy.traces)
        }
        return traces
    }

    private func compileSlowSync(in directory: String) async throws -> String {
        let source = Tools.package.appending(path: "Benchmarks/slow_sync.c")
        let library = directory + "/slow_sync.so"
        let path = source.path(percentEncoded: false)
        _ = try await Tools.run("cc", ["-shared", "-fPIC", "-o", library, path, "-ldl"])
        return library
    }
}

/// Runs `body` with a new directory, and removes it.
func withDirectory<Result>(in parent: String, _ body: (String) async throws -> Result) async throws -> Result {
    let path = "\(parent)/benchmark-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
