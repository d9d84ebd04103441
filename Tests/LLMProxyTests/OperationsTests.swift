import AsyncHTTPClient
import ClickHouseStandIn
@testable import ClickHouseWriter
import Foundation
import HTTPTypes
@testable import llm_proxy
import TestSupport
import Testing

@Suite(.bounded) struct DiagnosisTests {
    private func status(
        spool: WriterStatus.Spool = .fine,
        _ delivery: WriterStatus.Delivery = .fine,
        deadLetters: Int = 0
    ) -> WriterStatus {
        WriterStatus(
            written: 0,
            pending: 0,
            inFlight: 0,
            deadLetters: deadLetters,
            dropped: 0,
            oldestAge: nil,
            payloadBytes: 0,
            spoolBytes: 0,
            spool: spool,
            durability: .powerLoss,
            delivered: 0,
            sinceDelivery: nil,
            delivery: delivery,
            publicReason: delivery == .fine ? nil : "public",
            guarantee: nil
        )
    }

    @Test func `it is as bad as the worst, and only what loses traces is called a loss`() {
        let table: [(WriterStatus, Diagnosis.Severity)] = [
            (status(), .fine),
            (status(deadLetters: 3), .attention),
            (status(.backingOff(reason: "secret")), .waiting),
            (status(.held(reason: "secret"), deadLetters: 3), .attention),
            (status(.poisoned(reason: "secret")), .attention),
            (status(spool: .full(reason: "1 GiB"), .held(reason: "secret")), .losing),
            (status(spool: .failed(reason: "the disk")), .losing),
            (status(spool: .damaged(reason: "a record")), .losing),
            (status(spool: .displaced(reason: "a name")), .losing),
            (status(spool: .stalled(reason: "a disk")), .waiting),
        ]
        for (status, severity) in table {
            let diagnosis = Diagnosis(status, spoolPath: "/s")
            #expect(diagnosis.severity == severity)
            #expect(diagnosis.reason?.contains("secret") != true)
            #expect((diagnosis.advice == nil) == (severity == .fine))
        }
    }

    @Test func `a command can be pasted whatever the spool's path is`() {
        #expect(
            Diagnosis(status(deadLetters: 1), spoolPath: "/a/b-c.spool").command?.hasSuffix(" /a/b-c.spool") == true
        )
        let command = Diagnosis(status(.held(reason: "")), spoolPath: "/it's here").command
        #expect(command == #"spoolctl status '/it'\''s here'"#)
        let accented = Diagnosis(status(.held(reason: "")), spoolPath: "/it'\u{301}s\r\n").command
        #expect(accented.map { Array($0.utf8) } == Array("spoolctl status '/it'\\''\u{301}s\r\n'".utf8))
    }

    @Test func `a proxy is taken out of rotation only while traces are lost`() {
        #expect(OperationsEndpoints.health(of: .fine) == .ok)
        #expect(OperationsEndpoints.health(of: .stalled(reason: "")) == .ok)
        #expect(OperationsEndpoints.health(of: .full(reason: "")) == .serviceUnavailable)
        #expect(OperationsEndpoints.health(of: .failed(reason: "")) == .serviceUnavailable)
        #expect(OperationsEndpoints.health(of: .damaged(reason: "")) == .serviceUnavailable)
        #expect(OperationsEndpoints.health(of: .displaced(reason: "")) == .serviceUnavailable)
    }

    @Test func `the history keeps the last ten minutes`() {
        let history = StatusHistory { StatusHistory.Sample(at: 1, depth: 2, written: 3, delivered: 4) }
        for _ in 0..<StatusHistory.limit + 5 { history.sample() }
        #expect(history.all.count == StatusHistory.limit)
    }
}

@Suite(.startsProcesses) struct OperationsTests {
    private struct Status: Decodable {
        var severity: String
        var headline: String
        var reason: String?
        var delivery: String
        var spool: String
        var pending: Int
        var in_flight: Int
        var written: Int
        var lost: Int
    }

    private func decode(_ answer: ProxyUnderTest.Answer) throws -> Status {
        try JSONDecoder().decode(Status.self, from: Data(answer.body.utf8))
    }

    @Test func `what operators read is there, and holds no credentials`() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await ProxyUnderTest.run(
                in: directory,
                ["--clickhouse-url", "http://someone:hunter2@127.0.0.1:1"],
                environment: ["CLICKHOUSE_MAX_BATCH_SIZE": "1"]
            ) { proxy in
                _ = try await proxy.chat("a word that is in no page")
                let page = try await proxy.get("/")
                #expect(page.status == 200)
                #expect(page.headers["content-type"] == "text/html; charset=utf-8")
                #expect(page.headers["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
                #expect(!page.body.contains("http://") && !page.body.contains("https://"), "no assets from elsewhere")
                // The response is there a moment before its trace is.
                let metrics = try await proxy.get("/metrics") { $0.body.contains("llm_proxy_requests_total{") }
                #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
                #expect(metrics.body.contains("\nllm_proxy_requests_total{code=\"200\"} 1\n"))
                #expect(metrics.body.contains("\n# TYPE clickhouse_writer_commit_duration_seconds histogram\n"))
                for line in metrics.body.split(separator: "\n") where line.hasPrefix("# TYPE ") {
                    let name = line.split(separator: " ")[2]
                    #expect(metrics.body.contains("# HELP \(name) "), "\(name) is described")
                }
                let status = try await proxy.get("/status.json")
                let health = try await proxy.get("/healthz")
                let history = try await proxy.get("/history.json")
                for answer in [page, metrics, status, health, history] {
                    #expect(answer.headers["cache-control"] == "no-store")
                    #expect(!answer.body.contains("hunter2") && !answer.body.contains("a word"))
                }
            }
        }
    }

    @Test func `a ClickHouse that is away leaves the proxy healthy, and says why traces wait`() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await ProxyUnderTest.run(
                in: directory,
                ["--clickhouse-url", "http://127.0.0.1:1"],
                environment: ["CLICKHOUSE_MAX_BATCH_SIZE": "1"]
            ) { proxy in
                _ = try await proxy.chat("one")
                let health = try await proxy.get("/healthz") {
                    $0.body.contains("\"delivery\":\"backing off\"") && $0.body.contains("\"written\":1}")
                }
                #expect(health.status == 200)
                let status = try decode(health)
                #expect(status.severity == "waiting")
                #expect(status.reason?.contains("127.0.0.1:1") == true || status.reason?.contains("refused") == true)
                #expect(status.pending + status.in_flight == 1)
            }
        }
    }

    @Test func `a spool that is full makes the proxy unhealthy`() async throws {
        try await withTemporaryDirectory { directory in
            let outcome = try await ProxyUnderTest.run(
                in: directory,
                ["--clickhouse-url", "http://127.0.0.1:1"],
                environment: ["CLICKHOUSE_MAX_RECORDS": "1"]
            ) { proxy in
                for _ in 0..<20 { #expect(try await proxy.chat("one").status == 200) }
                let health = try await proxy.get("/healthz") { $0.body.contains("\"lost\":19") }
                #expect(health.status == 503)
                let status = try decode(health)
                #expect(status.spool == "full")
                #expect(status.severity == "losing")
                let metrics = try await proxy.get("/metrics")
                #expect(metrics.body.contains("\nllm_proxy_traces_lost_total 19\n"))
                #expect(
                    metrics.body.contains("clickhouse_writer_spool_state{table=\"ibex.llm_traces\",state=\"full\"} 1")
                )
            }
            let lines = outcome.log.split(separator: "\n").filter { $0.contains("could not be stored") }
            #expect(lines.count == 2, "the first, and the sum of the others at the end")
        }
    }

    /// As for a snapshot.
    @Test(.enabled(if: LoopMount.canMake("ext4")))
    func `a frozen file system is shown while it lasts, and loses nothing`() async throws {
        try await LoopMount.with("ext4", megabytes: 128) { disk in
            try await withTemporaryDirectory { directory in
                let arguments = ["--clickhouse-url", "http://127.0.0.1:1", "--spool", disk + "/traces.spool"]
                _ = try await ProxyUnderTest.run(in: directory, arguments) { proxy in
                    _ = try await proxy.chat("one")
                    _ = try await proxy.get("/healthz") { $0.body.contains("\"written\":1}") }
                    try await LoopMount.run("fsfreeze", "-f", disk)
                    do {
                        for _ in 0..<3 { #expect(try await proxy.chat("two").status == 200) }
                        let health = try await proxy.get("/healthz") { $0.body.contains("\"spool\":\"stalled\"") }
                        #expect(health.status == 200)
                        #expect(try decode(health).severity == "waiting")
                        #expect(try decode(health).reason?.contains("has not answered for") == true)
                        _ = try await proxy.get("/metrics") {
                            $0.body.contains("spool_state{table=\"ibex.llm_traces\",state=\"stalled\"} 1")
                        }
                    } catch {
                        try? await LoopMount.run("fsfreeze", "-u", disk)
                        throw error
                    }
                    try await LoopMount.run("fsfreeze", "-u", disk)
                    let health = try await proxy.get("/healthz") { $0.body.contains("\"written\":4}") }
                    #expect(try decode(health).spool == "fine")
                    #expect(try decode(health).lost == 0)
                    _ = try await proxy.get("/metrics") {
                        $0.body.contains("spool_state{table=\"ibex.llm_traces\",state=\"stalled\"} 0")
                    }
                }
            }
        }
    }

    @Test func `operators' pages can be kept off the proxy's own address`() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await ProxyUnderTest.run(in: directory, ["--operations-listen", "127.0.0.1:0"]) { proxy in
                for path in ["/", "/metrics", "/healthz", "/status.json"] {
                    #expect(try await proxy.get(path).status == 404)
                }
                let line = try #require(proxy.greeting.first { $0.hasPrefix("watch it at ") })
                let url = try #require(line.split(separator: " ").last).replacing("/healthz", with: "")
                let operations = ProxyUnderTest(url: String(url), greeting: [])
                #expect(try await operations.get("/healthz").status == 200)
                #expect(try await operations.get("/").status == 200)
                #expect(try await operations.chat("one").status == 404)
            }
        }
    }
}

extension ProxyUnderTest {
    /// Asks until the answer is what the test waits for, or its time is over.
    func get(_ path: String, until isThere: (Answer) -> Bool = { _ in true }) async throws -> Answer {
        while true {
            let response = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: url + path),
                timeout: .seconds(30)
            )
            let answer = Answer(
                status: response.status.code,
                headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first },
                body: String(buffer: try await response.body.collect(upTo: 1 << 20))
            )
            if isThere(answer) { return answer }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}
