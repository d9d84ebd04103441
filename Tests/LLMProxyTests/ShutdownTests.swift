import AsyncHTTPClient
import Foundation
import Hummingbird
import NIOCore
import SQLiteSpool
import Subprocess
import Synchronization
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// How the process ends, and what it leaves.
@Suite(.startsProcesses) struct ShutdownTests {
    @Test func `what is open when it is asked to end goes on to its end, and new clients are refused`() async throws {
        try await withTemporaryDirectory { directory in
            let (events, arriving) = AsyncStream.makeStream(of: String.self)
            let outcome = try await ScriptedProvider.run { provider, _ in
                provider.stream(events)
            } _: { _, provider in
                try await ProxyUnderTest.run(
                    in: directory,
                    ["--upstream-url", provider, "--shutdown-timeout", "120s"],
                    end: nil
                ) { proxy in
                    arriving.yield("data: 1\n\n")
                    var body = try await proxy.stream().makeAsyncIterator()
                    _ = try await body.next()
                    proxy.signal(SIGTERM)
                    try await waitUntil { try await curl(proxy.url, "-w", "%{http_code}") == "000" }
                    arriving.yield("data: [DONE]\n\n")
                    arriving.finish()
                    #expect(try await body.next().map(String.init(buffer:)) == "data: [DONE]\n\n")
                    #expect(try await body.next() == nil)
                }
            }
            #expect(outcome.status == .exited(0))
            let traces = try await Trace.all(in: directory)
            #expect(traces.map(\.is_complete) == [true])
        }
    }

    @Test func `a second signal ends it at once, and what was open has its trace in the spool`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                standIn.faults.setStanding(.hang)
                let url = standIn.url
                let outcome = try await ScriptedProvider.run { provider, _ in
                    provider.stream(ScriptedProvider.endless())
                } _: { _, provider in
                    try await ProxyUnderTest.run(
                        in: directory,
                        ["--upstream-url", provider, "--clickhouse-url", url, "--shutdown-timeout", "10m"],
                        end: .terminate
                    ) { proxy in
                        try await proxy.startStreaming()
                        proxy.signal(SIGTERM)
                        try await waitUntil { try await curl(proxy.url, "-w", "%{http_code}") == "000" }
                    }
                }
                // Neither the 10 minutes for open responses nor the 7 s for ClickHouse: this test has three minutes.
                #expect(outcome.status == .exited(0))
                #expect(outcome.log.contains("Ending at once"))
                let left = try SpoolReader(path: directory + "/traces.spool").records().records
                #expect(left.count == 1)
                #expect(left.allSatisfy { String(decoding: $0.payload, as: UTF8.self).contains("proxy_shutdown") })
            }
        }
    }

    @Test func `it delivers and ends as asked while its standard error is not read`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let url = standIn.url
                // A pipe that is full before the first line.
                let path = directory + "/log"
                try #require(mkfifo(path, 0o600) == 0)
                let log = try FileDescriptor.open(FilePath(path), .readWrite, options: [.nonBlocking])
                defer { try? log.close() }
                while (try? log.writeAll([0])) != nil {}
                let outcome = try await ProxyUnderTest.run(
                    in: directory,
                    ["--clickhouse-url", url],
                    standardError: path
                ) { proxy in
                    _ = try await proxy.chat("hello")
                    try await waitUntil { try await Trace.all(in: standIn.store).count == 1 }
                }
                #expect(outcome.status == .exited(0))
            }
        }
    }

    @Test func `through restart after restart, whatever a client got whole has exactly one trace`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let url = standIn.url
                let completed = try await ScriptedProvider.run { provider, received in
                    if !received.body.contains(#""stream":true"#) { return .json(#"{"usage":{"total_tokens":1}}"#) }
                    let (events, arriving) = AsyncStream.makeStream(of: String.self)
                    Task {
                        for _ in 0..<5 {
                            arriving.yield("data: {}\n\n")
                            try? await Task.sleep(for: .milliseconds(10))
                        }
                        arriving.yield("data: [DONE]\n\n")
                        arriving.finish()
                    }
                    return provider.stream(events)
                } _: { _, provider in
                    try await Load.run { load in
                        try await restart(
                            times: 8,
                            in: directory,
                            ["--upstream-url", provider, "--clickhouse-url", url],
                            load
                        )
                    }
                }
                let traces = try await Trace.all(in: standIn.store)
                #expect(Set(traces.map(\.request_id)).count == traces.count)
                let whole = Set(traces.filter(\.is_complete).map(\.request_id))
                #expect(whole.isSuperset(of: completed))
                #expect(completed.count >= 1_000)
            }
        }
    }

    /// Starts one proxy after another, each before the last one is asked to end, as a rolling restart does. Two spools take
    /// turns.
    private func restart(times: Int, in directory: String, _ options: [String], _ load: Load) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var retirePrevious: Gate?
            for generation in 0..<times {
                let (ready, retire) = (Gate(), Gate())
                let folder = "\(directory)/\(generation % 2)"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                // The one before the last must have let go of the spool.
                if generation >= 2 { try await group.next() }
                group.addTask {
                    let outcome = try await ProxyUnderTest.run(in: folder, options) { proxy in
                        load.direct(to: proxy.url)
                        ready.open()
                        await retire.wait()
                    }
                    #expect(outcome.status == .exited(0))
                    let left = try SpoolStatus(readingSpoolAt: folder + "/traces.spool")
                    #expect(left.pending + left.inFlight == 0)
                }
                await ready.wait()
                retirePrevious?.open()
                retirePrevious = retire
                let before = load.completed.count
                try await waitUntil { load.completed.count >= before + 150 }
            }
            retirePrevious?.open()
            try await group.waitForAll()
        }
    }
}

/// Clients that ask without a pause, half of them for streams.
private final class Load: Sendable {
    private struct State {
        var url: String?
        var completed: Set<String> = []
    }

    private let state = Mutex(State())

    /// The ids of requests whose response arrived whole.
    var completed: Set<String> { state.withLock(\.completed) }

    /// - Returns: the ids of all requests whose response arrived whole.
    static func run(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Load) async throws -> Void
    ) async throws -> Set<String> {
        let load = Load()
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        let client = HTTPClient(eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: configuration)
        let clients = (0..<16).map { number in
            Task { while !Task.isCancelled { await load.ask(client, stream: number.isMultiple(of: 2)) } }
        }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(load))
        } catch {
            result = .failure(error)
        }
        for client in clients { client.cancel() }
        for client in clients { await client.value }
        try await client.shutdown()
        try result.get()
        return load.completed
    }

    func direct(to url: String) { state.withLock { $0.url = url } }

    private func ask(_ client: HTTPClient, stream: Bool) async {
        guard let url = state.withLock(\.url) else {
            // Not Task.yield(), which would keep the other tests from their threads.
            try? await Task.sleep(for: .milliseconds(5))
            return
        }
        let id = UUID().uuidString
        var request = HTTPClientRequest(url: url + "/v1/chat/completions")
        request.method = .POST
        request.headers.add(name: "X-Request-Id", value: id)
        request.body = .bytes(ByteBuffer(string: #"{"model":"m","stream":\#(stream)}"#))
        // Whoever is refused, or cut, has no whole response, and asks again under another id.
        guard let response = try? await client.execute(request, timeout: .seconds(60)), response.status == .ok,
            let body = try? await response.body.collect(upTo: 1 << 20),
            !stream || String(buffer: body).hasSuffix("[DONE]\n\n")
        else { return }
        state.withLock { _ = $0.completed.insert(id) }
    }
}
