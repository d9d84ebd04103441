import FaultyDisk
import SQLiteSpool
import Synchronization
import TestSupport
import Testing

/// A sync of the database that fails in a checkpoint, while hundreds of pages of earlier checkpoints are not on the disk yet
/// and another connection keeps SQLite's index of the WAL alive.
@Suite(.bounded) struct FailedSyncTests {
    /// As SQLite has it: a checkpoint that ends at a reader's mark counts what it has not synced
    /// (`walCheckpoint` in https://www.sqlite.org/src/file/src/wal.c).
    @Test func `a checkpoint up to a mark is counted and not synced`() async throws {
        try await withTemporaryDirectory { directory in
            let disk = try FaultyDisk(directory: directory)
            let database = try rows(500, on: disk)
            let reader = try Database(path: directory + "/db", access: .readOnly)
            try reader.execute("BEGIN; SELECT count(*) FROM rows")
            try database.execute("INSERT INTO rows VALUES (zeroblob(3000))")
            let before = disk.calls.count
            #expect(try database.checkpoint() == false)
            // Of the WAL: its frames must be on the disk before pages of the database are written over.
            #expect(disk.calls[before...].count { $0 == .sync } == 1)
            reader.rollBack()
            let middle = disk.calls.count
            #expect(try database.checkpoint())
            #expect(disk.calls[middle...].count { $0 == .write } < 10)
        }
    }

    enum Life: CaseIterable {
        /// The spool goes on by itself.
        case same
        /// Its owner closes it after the failure, and another one opens it.
        case restarted
    }

    @Test(arguments: Life.allCases)
    func `what a failed sync left off the disk is there after whole checkpoints and a power cut`(life: Life)
        async throws
    {
        try await withTemporaryDirectory { directory in
            let disk = try FaultyDisk(directory: directory)
            let checkpoints = WholeCheckpoints()
            var spool = try Spool(configuration(disk), onEvent: checkpoints.record)
            let other = try otherProcess(directory)
            // The checkpoint that each opening makes is over before the first record is acknowledged.
            var acknowledged = try await append(to: spool)
            disk.failNextSync(of: "traces.spool")
            while disk.faultsSeen == 0 { acknowledged += try await append(to: spool) }
            #expect(acknowledged > 100)
            if life == .restarted {
                await spool.close()
                spool = try Spool(configuration(disk), onEvent: checkpoints.record)
            }
            #expect(spool.loss == nil)
            while checkpoints.count < 2 { acknowledged += try await append(to: spool) }
            // The WAL begins anew.
            for _ in 0..<5 { acknowledged += try await append(to: spool) }
            disk.cutPower()
            await spool.close()
            _ = try? other.integer("SELECT 1")
            try await withTemporaryDirectory { after in
                var generator = FixedGenerator(1)
                try disk.materialize(in: after, using: &generator, .nothing)
                let spool = try Spool(configuration(try FaultyDisk(directory: after)))
                #expect(spool.loss == nil)
                #expect(spool.summary.pending == acknowledged)
                await spool.close()
            }
        }
    }

    /// Checkpoints that moved all of the WAL.
    private final class WholeCheckpoints: Sendable {
        private let state = Mutex(0)

        var count: Int { state.withLock(\.self) }

        func record(_ event: SpoolEvent) {
            if case .checkpointed(let usage) = event, usage.walPages == 0 { state.withLock { $0 += 1 } }
        }
    }

    /// As a tool does that shows a spool: what it keeps open lives on when the owner closes the file.
    private func otherProcess(_ directory: String) throws -> Database {
        let database = try Database(path: directory + "/traces.spool", access: .readOnly)
        _ = try database.integer("SELECT count(*) FROM records")
        return database
    }

    /// One record, of a page.
    private func append(to spool: Spool) async throws -> Int {
        try await spool.append(Array("{\"x\":\"\(String(repeating: "x", count: 3_000))\"}".utf8))
        return 1
    }

    private func configuration(_ disk: FaultyDisk) -> SpoolConfiguration {
        var configuration = SpoolConfiguration(
            path: disk.directory + "/traces.spool",
            durability: .powerLoss,
            fileSystem: disk
        )
        configuration.checkpoints.bytesPerSlice = 20 * SpoolUsage.defaultPageBytes
        configuration.checkpoints.slicesAlways = true
        configuration.checkpoints.bytesWhenIdle = 500 * SpoolUsage.defaultPageBytes
        configuration.checkpoints.bytesAtMost = 500 * SpoolUsage.defaultPageBytes
        configuration.checkpoints.quietPeriodMilliseconds = 60_000
        configuration.reopenMilliseconds = 0
        return configuration
    }

    /// A table whose rows have a page each, in the WAL.
    private func rows(_ count: Int, on disk: FaultyDisk) throws -> Database {
        let database = try Database(path: disk.directory + "/db", access: .create, vfs: disk.vfs)
        try database.execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE rows (row)"
        )
        for _ in 0..<count { try database.execute("INSERT INTO rows VALUES (zeroblob(3000))") }
        return database
    }
}
