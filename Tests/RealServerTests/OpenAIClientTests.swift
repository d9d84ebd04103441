import Foundation
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

private let openAIClientPython = ProcessInfo.processInfo.environment["OPENAI_CLIENT_PYTHON"].flatMap {
    $0.isEmpty ? nil : $0
}

/// `llm-proxy` between OpenAI's own Python client and a real ClickHouse: runs `Tests/OpenAIClient`.
@Suite(
    .enabled(if: ClickHouseServer.isAvailable, "needs Debian's clickhouse-server, or CLICKHOUSE_URL"),
    .enabled(if: openAIClientPython != nil, "needs OPENAI_CLIENT_PYTHON, a python3 that has the package openai"),
    .startsProcesses(seconds: 300)
)
struct OpenAIClientTests {
    @Test func `what OpenAI's client asks and is told passes unchanged, and leaves its traces`() async throws {
        let python = try #require(openAIClientPython)
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "OpenAIClient").path(percentEncoded: false)
        let result = try await ClickHouseServer.withServer { server in
            try await run(
                .path(FilePath(python)),
                arguments: ["-B", "-m", "unittest", "discover", "--start-directory", tests],
                environment: .inherit.updating([
                    "LLM_PROXY": builtProduct("llm-proxy"),
                    "CLICKHOUSE_URL": server.url,
                ]),
                output: .string(limit: 1 << 20),
                error: .string(limit: 1 << 20)
            )
        }
        let text = result.standardError
        #expect(result.terminationStatus.isSuccess, "\(text)")
        #expect(text.contains(/Ran \d+ tests/), "\(text)")
    }
}
