import Dispatch
import FaultyDisk
import Foundation
@testable import SQLiteSpool
import Synchronization
import TestSupport
import Testing

/// What a commit that failed leaves behind the WAL's end: frames with the right salts, and pages as they were then.
@Suite(.bounded(seconds: 300)) struct FailedCommitTests {
    private static let acknowledged = 53

    enum Failure: CaseIterable {
        /// All of it was written, and not synced. Then the file was opened anew.
        case sync
        /// As older versions left it: whole commits, with pages as they were.
        case olderCommits
    }

    /// A killed owner's files: 50 records, a commit of five more that failed, and three more records, which took the place of a
    /// part of it.
    ///
    /// - Returns: the bytes of the WAL up to its last commit.
    private func makeSpool(at path: String, _ failure: Failure) async throws -> Int {
        let directory = path + "-living"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let disk = try FaultyDisk(directory: directory)
        var configuration = SpoolConfiguration(path: directory + "/s", fileSystem: disk)
        configuration.checkpoints.quietPeriodMilliseconds = 3_600_000
        configuration.reopenMilliseconds = 10
        let spool = try Spool(configuration)
        for number in 0..<50 { try await spool.append(Self.row(number)) }
        if failure == .sync {
            disk.failNextSync(of: "s-wal")
            let large = (50..<55).map { Self.row($0, bytes: 30_000) }
            await #expect(throws: SpoolError.self) { try await spool.append(contentsOf: large) }
            try #require(disk.faultsSeen == 1)
        }
        for number in 50..<Self.acknowledged { try await append(Self.row(number), to: spool) }
        for suffix in ["", "-wal", ".lock"] {
            try FileManager.default.copyItem(atPath: directory + "/s" + suffix, toPath: path + suffix)
        }
        await spool.close()
        let probe = path + "-probe"
        for suffix in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + suffix, toPath: probe + suffix) }
        let database = try DatabaseFile(path: probe).connect()
        #expect(try database.integer("SELECT count(*) FROM records") == 53)
        let end = try #require(try database.walEnd()?.bytes)
        if failure == .olderCommits {
            let wal = try bytes(path + "-wal")
            try Data(wal[..<end] + wal[32..<end / 2]).write(to: URL(filePath: path + "-wal"))
        }
        return end
    }

    /// After a failure the file is opened anew after a while.
    private func append(_ row: [UInt8], to spool: Spool) async throws {
        for _ in 0..<100 {
            if (try? await spool.append(row)) != nil { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("the spool takes no records any more")
    }

    private static func row(_ number: Int, bytes: Int = 0) -> [UInt8] {
        Array("{\"n\":\(number),\"x\":\"\(String(repeating: "x", count: bytes))\"}".utf8)
    }

    private func bytes(_ path: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(filePath: path))) }

    private func deliver(_ spool: Spool) async throws -> [String] {
        var lines: [String] = []
        while let frozen = try await spool.freeze(maxRecords: 1_000, maxBytes: 1 << 24) {
            lines += String(decoding: frozen.body, as: UTF8.self).split(separator: "\n").map(String.init)
            try await spool.acknowledge(frozen.batch)
        }
        return lines
    }

    private let expected = (0..<acknowledged).map { String(decoding: row($0), as: UTF8.self) }

    /// `torture faults --seed 5`, cycles 1416 and 1419: a batch was sent whose division had failed, and the division came to
    /// light after the power cut.
    @Test func `who is told of a failed commit finds the spool refusing to be read`() async throws {
        try await withTemporaryDirectory { directory in
            let disk = try FaultyDisk(directory: directory)
            var configuration = SpoolConfiguration(path: directory + "/s", fileSystem: disk)
            configuration.reopenMilliseconds = 3_600_000
            let isTold = DispatchSemaphore(value: 0)
            let wasToldFirst = Mutex(false)
            let spool = try Spool(configuration) { event in
                guard case .health(let health) = event, health.refusal != nil else { return }
                // Here the thread of the commits waits, and would wait for good for who is told afterwards.
                if isTold.wait(timeout: .now() + .milliseconds(300)) == .success { wasToldFirst.withLock { $0 = true } }
            }
            for number in 0..<4 { try await spool.append(Self.row(number)) }
            let frozen = try #require(try await spool.freeze(maxRecords: 4, maxBytes: 1 << 20))
            let members = try await spool.members(of: frozen.batch)
            disk.failNextSync(of: "s-wal")
            await #expect(throws: SpoolError.self) {
                _ = try await spool.replace(
                    frozen.batch,
                    members: members,
                    with: [Array(members[..<2]), Array(members[2...])]
                )
            }
            isTold.signal()
            await #expect(throws: SpoolError.self) { _ = try await spool.body(of: frozen.batch) }
            await spool.close()
            #expect(!wasToldFirst.withLock { $0 })
        }
    }

    @Test(arguments: Failure.allCases)
    func `a sound file with a failed commit behind its end is not salvaged, and stays as it was`(failure: Failure)
        async throws
    {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            _ = try await makeSpool(at: path, failure)
            let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
            let before = try ["", "-wal", ".lock"].map { try bytes(path + $0) }
            let error = #expect(throws: SpoolError.self) { try SalvageCopy(of: path, to: directory + "/new").run() }
            #expect(error?.message.contains("is sound, there is nothing to salvage") == true)
            #expect(try ["", "-wal", ".lock"].map { try bytes(path + $0) } == before)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == names)
        }
    }

    /// In the checksum of a frame, so that no record is damaged.
    private func flipBit(ofWAL path: String) throws {
        var wal = try bytes(path)
        wal[32 + 30 * (24 + SpoolUsage.defaultPageBytes) + 16] ^= 1
        try Data(wal).write(to: URL(filePath: path))
    }

    @Test(arguments: Failure.allCases)
    func `a flipped bit before a failed commit costs an owner nothing and brings back nothing`(failure: Failure)
        async throws
    {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            _ = try await makeSpool(at: path, failure)
            try flipBit(ofWAL: path + "-wal")
            let spool = try Spool(SpoolConfiguration(path: path))
            #expect(spool.loss?.quarantinedFile != nil)
            #expect(spool.loss?.salvaged == Self.acknowledged)
            #expect(spool.loss?.lost == 0)
            #expect(try await deliver(spool) == expected)
            await spool.close()
        }
    }

    @Test(arguments: Failure.allCases)
    func `a flipped bit before a failed commit costs nothing in a salvage by hand`(failure: Failure) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            _ = try await makeSpool(at: path, failure)
            try flipBit(ofWAL: path + "-wal")
            let report = try SalvageCopy(of: path, to: directory + "/new").run()
            #expect(report.loss.salvaged == Self.acknowledged)
            #expect(report.loss.lost == 0)
            let spool = try Spool(SpoolConfiguration(path: directory + "/new"))
            #expect(try await deliver(spool) == expected)
            await spool.close()
        }
    }

    @Test func `a salvage that ends at any call is begun anew, or finished, by the next owner`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            _ = try await makeSpool(at: path, .olderCommits)
            try flipBit(ofWAL: path + "-wal")
            var ends = 0
            while true {
                // Nothing that comes behind the call reaches the files, as when the process dies.
                let place = directory + "/\(ends)"
                try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
                for suffix in ["", "-wal", ".lock"] {
                    try FileManager.default.copyItem(atPath: path + suffix, toPath: place + "/s" + suffix)
                }
                let fault = Fault(.inputOutput, atCall: 1 + 23 * ends, isForGood: true)
                let disk = try FaultyDisk(directory: place, fault: fault)
                if let spool = try? Spool(SpoolConfiguration(path: place + "/s", fileSystem: disk)) {
                    await spool.close()
                    if disk.faultsSeen == 0 { break }
                }
                let spool = try Spool(SpoolConfiguration(path: place + "/s"))
                #expect(spool.loss?.lost ?? 0 == 0, "call \(fault.call)")
                #expect(try await deliver(spool) == expected, "call \(fault.call)")
                await spool.close()
                ends += 1
            }
            #expect(ends > 10)
        }
    }

    /// Cut, the file would give up its place on the disk, and a full disk does not give it back: `torture disk-full --cycles 200
    /// --seed 1 --filesystem btrfs`, cycles 21 to 60.
    @Test(arguments: Failure.allCases)
    func `the next owner writes zeros over what a failed commit left, and its place stays the WAL's`(failure: Failure)
        async throws
    {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let end = try await makeSpool(at: path, failure)
            let size = try bytes(path + "-wal").count
            try #require(size > end)
            var configuration = SpoolConfiguration(path: path)
            configuration.checkpoints.quietPeriodMilliseconds = 3_600_000
            let spool = try Spool(configuration)
            #expect(spool.loss == nil)
            let wal = try bytes(path + "-wal")
            #expect(wal.count == size)
            // A start may commit.
            #expect(wal[min(size, end + 2 * (24 + SpoolUsage.defaultPageBytes))...].allSatisfy { $0 == 0 })
            #expect(try await deliver(spool) == expected)
            await spool.close()
        }
    }
}
