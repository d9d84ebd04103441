import ArgumentParser
import Foundation

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
