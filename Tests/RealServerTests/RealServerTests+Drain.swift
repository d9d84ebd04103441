import ClickHouseWriter
import LLMTraces
import Subprocess
import TestSupport
import Testing

/// A dead writer's spool, the operator's tools, and a new server.
extension RealServerTests {
    @Test func `spoolctl makes the table and delivers what a writer left, interrupted or not, once`() async throws {
        try await withServer { server, configuration in
            let names = ["--url", server.url, "--database", configuration.database]
            let made = try await SpoolctlUnderTest.run(["migrate"] + names)
            #expect(made.status == .exited(0), "\(made.messages)")
            #expect(made.output.ranges(of: "  made ").count == 3)
            let again = try await SpoolctlUnderTest.run(["migrate"] + names)
            #expect(again.output.ranges(of: "  exists already ").count == 3)

            var away = configuration
            away.urls = ["http://127.0.0.1:1"]
            away.shutdownTimeout = .milliseconds(100)
            let writer = try openWriter(away)
            try await writer.write(contentsOf: (0..<5_000).map { TraceRecord.numbered($0) })
            #expect(await writer.close().remaining == 5_000)

            // Where the records go, and what tells them apart, is in the spool.
            let drain = ["drain", configuration.spoolPath, "--url", server.url, "--give-up-after", "60s"]
            let killed = try await SpoolctlUnderTest.run(drain + ["--batch-size", "5"]) {
                $0.contains("ClickHouse answers") ? .kill : nil
            }
            #expect(killed.status == .signaled(9))
            let ended = try await SpoolctlUnderTest.run(drain + ["--batch-size", "5"]) {
                $0.contains("ClickHouse answers") ? .interrupt : nil
            }
            #expect([.exited(130), .exited(0)].contains(ended.status))
            let drained = try await SpoolctlUnderTest.run(drain)
            #expect(drained.status == .exited(0), "\(drained.output)")
            #expect(try await server.count("request_id", configuration) == "5000\t5000\n")
        }
    }
}
