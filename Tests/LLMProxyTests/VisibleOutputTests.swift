import Foundation
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// What the real binary says on its two outputs.
@Suite(.startsProcesses) struct VisibleOutputTests {
    @Test func `a model's name cannot act on the terminal that shows the log`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                // As ClickHouse quotes the row.
                let name = "gpt\u{1B}]0;owned\u{07}\u{9B}31m\u{202E}\nforged"
                standIn.faults.setStanding(
                    .error(status: 400, code: 27, message: "Cannot parse input: \(name): (at row 1)")
                )
                let outcome = try await ProxyUnderTest.run(
                    in: directory,
                    ["--clickhouse-url", standIn.url],
                    environment: ["CLICKHOUSE_SHUTDOWN_TIMEOUT": "1s"]
                ) { proxy in
                    _ = try await curl(
                        proxy.url + "/v1/chat/completions",
                        "-d",
                        #"{"model":"gpt\u001b]0;","messages":[]}"#
                    )
                    try await waitUntil { !standIn.journal.inserts.isEmpty }
                }
                #expect(outcome.log.contains(#"gpt\u{1B}]0;owned\u{7}\u{9B}31m\u{202E} forged"#), "\(outcome.log)")
                #expect(!outcome.log.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{9B}" || $0 == "\u{202E}" })
                #expect(!outcome.log.split(separator: "\n").contains { $0.hasPrefix("forged") })
            }
        }
    }

    @Test func `an argument that is wrong is repeated as text`() async throws {
        let listen = try await start(["--listen", "127.0.0.1:\u{1B}]0;x\n"])
        #expect(listen.messages.contains(#"--listen is "127.0.0.1:\u{1B}]0;x\n""#), "\(listen.messages)")
        let option = try await start(["--non\u{1B}]0;sense\nforged"])
        #expect(option.messages.contains(#"Unknown option '--non\u{1B}]0;sense\nforged'"#), "\(option.messages)")
    }

    @Test func `help that cannot be written is exit code 74`() async throws {
        let outcome = try await start(["--help"], output: "/dev/full")
        #expect(outcome.status == .exited(74))
        #expect(outcome.messages == "Error: standard output cannot be written: No space left on device\n")
    }

    @Test func `a proxy whose announcement cannot be written says so and serves`() async throws {
        let outcome = try await start(["--listen", "127.0.0.1:0"], output: "/dev/full") {
            $0.contains("The announcement could not be written") ? .terminate : nil
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.messages.contains("No space left on device"))
    }

    private func start(
        _ arguments: [String],
        output: FilePath = "/dev/null",
        onMessage: @escaping @Sendable (String) -> Signal? = { _ in nil }
    ) async throws -> (status: TerminationStatus, messages: String) {
        try await withTemporaryDirectory { directory in
            let file = try FileDescriptor.open(output, .writeOnly)
            defer { try? file.close() }
            let result = try await run(
                .path(FilePath(builtProduct("llm-proxy"))),
                arguments: Arguments(arguments),
                environment: .inherit.updating(["CLICKHOUSE_URL": nil]),
                workingDirectory: FilePath(directory),
                input: .none,
                output: .fileDescriptor(file, closeAfterSpawningProcess: false),
                error: .sequence
            ) { process in
                var messages = ""
                for try await line in process.standardError.strings() {
                    messages += line + "\n"
                    if let signal = onMessage(line) { try process.send(signal: signal) }
                }
                return messages
            }
            return (result.terminationStatus, result.closureResult)
        }
    }
}
