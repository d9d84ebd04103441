import ArgumentParser
import BenchmarkSupport
import Foundation

/// Heap allocations do not depend on the machine's mood, as times do: how many a record takes is a gate for changes.
@main
struct WriterAllocations: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "writer-allocations",
        abstract: "Counts the heap allocations of a record, and fails where they are more than the thresholds."
    )

    @Flag(help: "Makes what is measured, and by how much it differs from run to run, the thresholds.")
    var update = false

    @Option(help: "The thresholds, allocations of a record by the case's name.")
    var thresholds = "Benchmarks/allocations.json"

    @Option(help: "Where the spools are made.")
    var directory = FileManager.default.temporaryDirectory.path(percentEncoded: false)

    func run() async throws {
        try Allocations.prove()
        let file = URL(filePath: thresholds)
        var allowed = update ? [:] : try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: file))
        var problems: [String] = []
        print("case                   allocations  bytes  threshold, of each record")
        for measured in Case.all {
            let allocations = try await measure(measured)
            // Rounded up, in thousandths.
            if update {
                allowed[measured.name] = (allocations.calls * (1 + measured.margin) * 1_000).rounded(.up) / 1_000
            }
            let threshold = allowed[measured.name]
            print(
                measured.name.padding(toLength: 22, withPad: " ", startingAt: 0)
                    + String(format: "%12.3f %6.0f ", allocations.calls, allocations.bytes)
                    + (threshold.map { String(format: "%10.3f", $0) } ?? "      none")
            )
            if let threshold, allocations.calls <= threshold { continue }
            problems.append(
                "\(measured.name): \(allocations.calls) allocations, "
                    + (threshold.map { "more than \($0)" } ?? "and no threshold in \(thresholds)")
            )
        }
        if update { try write(allowed, to: file) }
        guard problems.isEmpty else { throw Unmeasurable(problems.joined(separator: "\n")) }
    }

    private func measure(_ measured: Case) async throws -> Allocations {
        let path = "\(directory)/allocations-\(UUID().uuidString).spool"
        defer {
            for suffix in ["", "-wal", "-shm", ".lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        return try await measured.measure(path)
    }

    private func write(_ allowed: [String: Double], to file: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try (encoder.encode(allowed) + Data("\n".utf8)).write(to: file)
    }
}
