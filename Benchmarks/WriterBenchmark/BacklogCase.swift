import ArgumentParser
import Foundation
import SQLiteSpool

struct BacklogCase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backlog",
        abstract:
            "A spool with a long backlog: opening it, asking for its status, and its file's size once it is drained."
    )

    @Option(help: "Records in the backlog.")
    var records = 10_000_000

    @Option(help: "Bytes of a record.")
    var recordBytes = 100

    @Option(help: "Where the spool is made.")
    var directory = "."

    @Option(help: "Where the figures go.")
    var results = "Benchmarks/results.json"

    func run() async throws {
        let path = temporarySpool(in: directory)
        defer { removeSpool(path) }
        var configuration = SpoolConfiguration(path: path, durability: .processCrash)
        configuration.limits.maxBytes = 1 << 40
        let empty = residentMiB()
        try await fill(configuration)
        let filled = residentMiB()
        print("filled with \(records) records, \(fileMiB(path)) MiB, memory \(filled) MiB (\(empty) before)")

        var openings: [Double] = []
        var statuses: [Double] = []
        for round in 1...3 {
            let opening = ContinuousClock.now
            let spool = try Spool(configuration)
            let opened = opening.duration(to: .now)
            let asking = ContinuousClock.now
            let status = try SpoolStatus(readingSpoolAt: path)
            let asked = asking.duration(to: .now)
            print(
                "opening \(round): \(milliseconds(opened)) ms; status: \(milliseconds(asked)) ms, \(status.pending) pending"
            )
            openings.append(opened / .milliseconds(1))
            statuses.append(asked / .milliseconds(1))
            await spool.close()
        }
        var results = try Results(path: results)
        results.set(
            "backlog \(records)",
            "ours",
            [
                "memory_mib": Double(filled), "memory_before_mib": Double(empty),
                "open_ms": (openings.median * 100).rounded() / 100,
                "status_ms": (statuses.median * 100).rounded() / 100,
            ]
        )
        try results.write()
        try await drain(configuration, path)
    }

    private func fill(_ configuration: SpoolConfiguration) async throws {
        let spool = try Spool(configuration)
        let payload = Array("{\"n\":\"\(String(repeating: "x", count: max(1, recordBytes - 8)))\"}".utf8)
        for start in stride(from: 0, to: records, by: 1_000) {
            try await spool.append(contentsOf: Array(repeating: payload, count: min(1_000, records - start)))
        }
        await spool.close()
    }

    /// Lets batches go as fast as the spool can, and then waits for the file to shrink.
    private func drain(_ configuration: SpoolConfiguration, _ path: String) async throws {
        let full = fileMiB(path)
        let spool = try Spool(configuration)
        let start = ContinuousClock.now
        var most = residentMiB()
        while let batch = try await spool.freeze(maxRecords: 10_000, maxBytes: 8 << 20) {
            try await spool.acknowledge(batch.batch)
            most = max(most, residentMiB())
        }
        let drained = start.duration(to: .now)
        print("drained in \(milliseconds(drained) / 1_000) s, memory at most \(most) MiB, file \(fileMiB(path)) MiB")
        // Somebody goes on writing: that is whom the steps must not stall.
        var slowest = Duration.zero
        let end = ContinuousClock.now
        while fileMiB(path) * 20 > full, end.duration(to: .now) < .seconds(120) {
            let writing = ContinuousClock.now
            try await spool.append(Array("{\"n\":\"y\"}".utf8))
            slowest = max(slowest, writing.duration(to: .now))
            try await Task.sleep(for: .milliseconds(20))
        }
        print(
            """
            5 % of the file after \(milliseconds(end.duration(to: .now)) / 1_000) s more, \(fileMiB(path)) of \(full) MiB; \
            the slowest write meanwhile \(milliseconds(slowest)) ms
            """
        )
        await spool.close()
    }

    private func fileMiB(_ path: String) -> Int {
        let bytes = [path, path + "-wal"].compactMap {
            (try? FileManager.default.attributesOfItem(atPath: $0))?[.size] as? NSNumber
        }
        return bytes.reduce(0) { $0 + $1.intValue } >> 20
    }

    private func milliseconds(_ duration: Duration) -> Double {
        (duration / .milliseconds(1) * 10).rounded() / 10
    }
}
