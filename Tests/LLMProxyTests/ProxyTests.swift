import ClickHouseStandIn
import Foundation
import SQLiteSpool
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

@Suite(.startsProcesses) struct ProxyTests {
    private func undelivered(in directory: String) throws -> Int {
        let status = try SpoolStatus(readingSpoolAt: directory + "/traces.spool")
        return status.pending + status.inFlight
    }

    @Test func `each chat completion becomes one row, streamed or not`() async throws {
        try await withTemporaryDirectory { directory in
            let org = "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"
            let outcome = try await ProxyUnderTest.run(in: directory) { proxy in
                #expect(proxy.greeting.contains { $0.contains("stand-in") })
                #expect(proxy.greeting.contains { $0.contains("0 records recovered") })
                let plain = try await proxy.chat(
                    "one two",
                    headers: ["X-Request-Id": "r1", "X-Org-Id": org, "X-Session-Id": org]
                )
                #expect(plain.status == 200)
                #expect(plain.headers["x-request-id"] == "r1")
                #expect(plain.body.contains("one two"))
                let streamed = try await proxy.chat("one two three", stream: true)
                #expect(streamed.headers["content-type"] == "text/event-stream")
                #expect(streamed.body.hasSuffix("data: [DONE]\n\n"))
                return try #require(streamed.headers["x-request-id"])
            }
            #expect(outcome.status == .exited(0))
            let traces = try await Trace.all(in: directory)
            #expect(traces.map(\.request_id) == ["r1", outcome.value])
            #expect(traces.map(\.org_id) == [org, "00000000-0000-0000-0000-000000000000"])
            #expect(traces.map(\.session_id) == [org, nil])
            #expect(traces.map(\.is_streaming) == [false, true])
            #expect(traces.map(\.total_tokens) == [4, 6])
            #expect(
                traces.allSatisfy {
                    $0.model == "m1" && $0.provider == "echo" && $0.status_code == 200 && $0.is_complete
                }
            )
            #expect(try SpoolStatus(readingSpoolAt: directory + "/traces.spool").pending == 0)
        }
    }

    @Test func `killed and started again, it delivers what was in its spool`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                standIn.faults.setStanding(.error(status: 503, code: nil, message: "away"))
                // A user in the URL is for the request's headers, not for the screen.
                let options = ["--clickhouse-url", standIn.url.replacing("//", with: "//writer:hunter2@")]
                let killed = try await ProxyUnderTest.run(in: directory, options, end: .kill) { proxy in
                    for number in 0..<20 {
                        #expect(try await proxy.chat("x", headers: ["X-Request-Id": "r\(number)"]).status == 200)
                    }
                    // The trace follows the response; all are in the spool when it says so.
                    try await waitUntil { try self.undelivered(in: directory) == 20 }
                }
                #expect(killed.status == .signaled(9))
                #expect(killed.log.contains("at \(standIn.url)"))
                #expect(!killed.log.contains("hunter2"))
                #expect(try await standIn.store.rows(database: "ibex", table: "llm_traces").isEmpty)

                standIn.faults.setStanding(nil)
                let restarted = try await ProxyUnderTest.run(in: directory, options) { proxy in
                    #expect(proxy.greeting.contains { $0.contains("20 records recovered") })
                }
                #expect(restarted.status == .exited(0))
                let delivered = try await Trace.all(in: standIn.store)
                #expect(Set(delivered.map(\.request_id)) == Set((0..<20).map { "r\($0)" }))
                #expect(delivered.count == 20)
            }
        }
    }

    @Test(arguments: [Signal.terminate, .interrupt])
    func `a signal ends it in time with 0 while ClickHouse hangs, and loses nothing`(signal: Signal) async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                standIn.faults.setStanding(.hang)
                let start = ContinuousClock.now
                let outcome = try await ProxyUnderTest.run(
                    in: directory,
                    ["--clickhouse-url", standIn.url],
                    environment: ["CLICKHOUSE_FLUSH_INTERVAL": "1ms", "CLICKHOUSE_SHUTDOWN_TIMEOUT": "1s"],
                    end: signal
                ) { try await $0.chat("x").status }
                #expect(outcome.value == 200)
                #expect(outcome.status == .exited(0))
                // 0 says that it kept its deadline; the rest of the time is this machine's.
                #expect(start.duration(to: .now) < .seconds(60))
                #expect(try undelivered(in: directory) == 1)
            }
        }
    }

    @Test func `a response that is open at shutdown is ended in time and leaves its trace`() async throws {
        try await withTemporaryDirectory { directory in
            try await ScriptedProvider.run { provider, _ in
                provider.stream(ScriptedProvider.endless())
            } _: { _, provider in
                let start = ContinuousClock.now
                let outcome = try await ProxyUnderTest.run(in: directory, ["--upstream-url", provider]) { proxy in
                    try await proxy.startStreaming()
                }
                #expect(outcome.status == .exited(0))
                // The provider never ends it. The rest of the time is this machine's.
                #expect(start.duration(to: .now) < .seconds(60))
                let traces = try await Trace.all(in: directory)
                #expect(traces.map(\.error_code) == ["proxy_shutdown"])
                #expect(traces.map(\.is_complete) == [false])
            }
        }
    }

    @Test func `what is wrong is answered in OpenAI's shape, and traced when it is a request`() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await ProxyUnderTest.run(in: directory) { proxy in
                let header = try await proxy.chat("x", headers: ["X-Org-Id": "nonsense", "X-Request-Id": "r1"])
                #expect(header.status == 400)
                #expect(header.headers["x-request-id"] == "r1")
                #expect(header.body.contains("X-Org-Id must be a UUID"))
                for body in ["", "[]", "{\"messages\":[]}", "oops"] {
                    let answer = try await proxy.post(body, headers: ["X-Request-Id": "bad"])
                    #expect(answer.status == 400)
                    #expect(answer.headers["x-request-id"] == "bad")
                    #expect(answer.body.contains("\"code\":\"invalid_request\""))
                }
            }
            let traces = try await Trace.all(in: directory)
            #expect(traces.map(\.error_code) == Array(repeating: "invalid_request", count: 4))
            #expect(traces.allSatisfy { !$0.is_complete && $0.status_code == 400 })
        }
    }

    @Test func `a request goes to the provider that is given, and an absent one is a 502`() async throws {
        try await withTemporaryDirectory { directory in
            let (upstream, behind) = (directory + "/upstream", directory + "/proxy")
            for path in [upstream, behind] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            }
            let gone = try await ProxyUnderTest.run(in: upstream) { provider in
                try await ProxyUnderTest.run(in: behind, ["--upstream-url", provider.url]) { proxy in
                    for stream in [false, true] {
                        let answer = try await proxy.chat("one two", stream: stream, headers: ["X-Request-Id": "r"])
                        #expect(answer.status == 200)
                        #expect(answer.body.contains("two"))
                    }
                }.status
            }
            #expect(gone.value == .exited(0))
            let first = try await Trace.all(in: behind)
            #expect(first.map(\.total_tokens) == [4, 4])
            #expect(first.map(\.provider) == ["127.0.0.1", "127.0.0.1"])

            _ = try await ProxyUnderTest.run(in: behind, ["--upstream-url", "http://127.0.0.1:1"]) { proxy in
                let answer = try await proxy.chat("x")
                #expect(answer.status == 502)
                #expect(answer.body.contains("provider_unreachable"))
            }
            let last = try #require(try await Trace.all(in: behind).last)
            #expect(last.error_code == "provider_unreachable")
            #expect(last.status_code == 502)
        }
    }

    @Test(arguments: [
        (["--listen", "nowhere"], "--listen"), (["--upstream-url", "example.com"], "--upstream-url"),
        (["--upstream-url", "https://key:hunter2@example.com"], "must not hold a user"),
        (["--clickhouse-url", "localhost:8123"], "the ClickHouse URL: it has no http"),
        (["--spool", "/absent/x.spool"], "/absent"),
    ])
    func `an option that cannot be used is explained`(options: [String], explanation: String) async throws {
        try await withTemporaryDirectory { directory in
            let result = try await run(
                .path(FilePath(builtProduct("llm-proxy"))),
                arguments: Arguments(options + (options[0] == "--listen" ? [] : ["--listen", "127.0.0.1:0"])),
                workingDirectory: FilePath(directory),
                output: .discarded,
                error: .string(limit: 1 << 20)
            )
            #expect(!result.terminationStatus.isSuccess)
            #expect(result.standardError.contains(explanation), "\(result.standardError)")
        }
    }
}
