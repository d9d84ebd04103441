import ArgumentParser
import Foundation
import LLMTraces

/// Measures the writer on this machine. See Benchmarks/run.
@main
struct WriterBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "writer-benchmark",
        subcommands: [
            AllCases.self, EncodeCases.self, WriteCases.self, SteadyCase.self, DrainCases.self, BacklogCase.self,
            ProxyCases.self, PictureCase.self,
        ],
        defaultSubcommand: AllCases.self
    )
}

func temporarySpool(in directory: String) -> String {
    directory + "/benchmark-\(UUID().uuidString).spool"
}

func removeSpool(_ path: String) {
    for suffix in ["", "-wal", "-shm", ".lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
}

/// What the process has of the machine's memory.
func residentMiB() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let fields = status.split(separator: " ")
    let pages = fields.dropFirst().first.flatMap { Int($0) } ?? 0
    return (pages * 4_096) >> 20
}

extension TraceRecord {
    static let sample = TraceRecord(
        requestID: "0f5d2c1e-6a64-4d8f-a0c5-3a0a5fb7a9d1",
        orgID: UUID(),
        agentID: UUID(),
        sessionID: UUID(),
        model: "gpt-4o-mini",
        provider: "openai",
        isStreaming: true,
        inputTokens: 1_234,
        outputTokens: 567,
        totalTokens: 1_801,
        authLatencyMs: 2,
        directiveLatencyMs: 1,
        providerTTFBMs: 312,
        totalLatencyMs: 4_821,
        statusCode: 200,
        isComplete: true,
        requestedAt: Date(),
        completedAt: Date()
    )
}
