import Foundation
import SQLiteSpool

/// A spool file, whatever happened to it, is refused with an error or can be drained to its end.
///
/// Input: which sample, or that the rest is the file itself, and then what happens to it.
struct SpoolProperty: Sendable {
    let samples: [SpoolImage]

    /// Input is written below it.
    let directory: String

    func check(_ input: [UInt8]) async throws {
        let directory = directory + "/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/spool"
        var source = ByteSource(input)
        let sample = Int(source.byte()) % (samples.count + 1)
        if sample < samples.count {
            var image = samples[sample]
            var damage = SpoolDamage(source)
            try damage.apply(to: &image, path: path)
        } else {
            try SpoolImage(database: source.remainder(), wal: []).write(to: path)
        }
        try await open(path)
    }

    private func open(_ path: String) async throws {
        // What it throws is typed: nothing else can come of it.
        _ = try? SpoolStatus(readingSpoolAt: path)
        for _ in 0..<2 {
            guard let spool = try? Spool(SpoolConfiguration(path: path, durability: .processCrash)) else { break }
            do {
                try await drain(spool)
            } catch {
                await spool.close()
                if error is SpoolError { break }
                throw error
            }
            await spool.close()
        }
        _ = try? SpoolStatus(readingSpoolAt: path)
    }

    private func drain(_ spool: Spool) async throws {
        try await spool.append(Array("{\"n\":10}".utf8))
        // There are at most some dozen records, in batches of three.
        for _ in 0..<100 {
            for batch in spool.batches {
                _ = try await spool.body(of: batch)
                _ = try await spool.keys(of: batch, idField: "n", timeField: nil)
                _ = try await spool.members(of: batch)
                try await spool.acknowledge(batch)
            }
            if let oldest = try await spool.oldestPending() { _ = oldest.duration(to: SystemWallClock().now) }
            if try await spool.freeze(maxRecords: 3, maxBytes: 1_000) == nil { return }
        }
        throw Violation("a spool without an end")
    }
}
