@testable import FaultyDisk
import Foundation
import SQLiteSpool
import TestSupport
import Testing

/// SQLite itself on the disk, and what becomes of a promise that is not kept.
@Suite(.bounded) struct SQLiteOnFaultyDiskTests {
    /// Inserts 1, 2, 3 … one commit each until the power goes.
    ///
    /// - Returns: the last that was committed.
    private func insert(_ numbers: ClosedRange<Int>, on disk: FaultyDisk, synchronous: String) -> Int {
        var committed = 0
        do {
            let database = try Database(path: disk.directory + "/db", access: .create, vfs: disk.vfs)
            try database.execute(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = \(synchronous); PRAGMA wal_autocheckpoint = 0"
            )
            try database.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
            for number in numbers {
                try database.execute("INSERT INTO numbers VALUES (\(number))")
                committed = number
                if number.isMultiple(of: 5) { _ = try database.checkpoint() }
            }
        } catch {
            return committed
        }
        return committed
    }

    /// - Returns: the largest number of a database that is whole, 0 when there is none, nil when it is damaged.
    private func survivor(in directory: String) throws -> Int? {
        let path = directory + "/db"
        guard FileManager.default.fileExists(atPath: path) else { return 0 }
        do {
            let database = try Database(path: path, access: .readWrite)
            guard try database.text("PRAGMA integrity_check") == "ok" else { return nil }
            guard try database.integer("SELECT count(*) FROM sqlite_schema") == 1 else { return 0 }
            let count = try database.integer("SELECT count(*) FROM numbers") ?? 0
            let last = try database.integer("SELECT max(number) FROM numbers") ?? 0
            return count == last ? Int(last) : nil
        } catch {
            return nil
        }
    }

    private struct Outcome {
        var cuts = 0
        var lost = 0
        var damaged = 0
    }

    private func cutEverywhere(synchronous: String) async throws -> Outcome {
        let total = try await withTemporaryDirectory { directory in
            let disk = try FaultyDisk(directory: directory)
            #expect(insert(1...12, on: disk, synchronous: synchronous) == 12)
            return disk.operations
        }
        var outcome = Outcome()
        for cut in 1...total {
            try await withTemporaryDirectory { directory in
                try await withTemporaryDirectory { after in
                    let disk = try FaultyDisk(directory: directory, cutAt: cut)
                    let committed = insert(1...12, on: disk, synchronous: synchronous)
                    var generator = FixedGenerator(UInt64(cut))
                    try disk.materialize(in: after, using: &generator)
                    outcome.cuts += 1
                    if let survivor = try survivor(in: after) {
                        outcome.lost += max(0, committed - survivor)
                    } else {
                        outcome.damaged += 1
                    }
                }
            }
        }
        return outcome
    }

    @Test func `SQLite that syncs every commit loses none in any cut`() async throws {
        let outcome = try await cutEverywhere(synchronous: "FULL")
        #expect(outcome.cuts > 50)
        #expect(outcome.lost == 0)
        #expect(outcome.damaged == 0)
    }

    @Test func `SQLite that syncs checkpoints only loses the newest commits and nothing else`() async throws {
        let outcome = try await cutEverywhere(synchronous: "NORMAL")
        #expect(outcome.lost > 0)
        #expect(outcome.damaged == 0)
    }

    @Test func `SQLite that does not sync is caught`() async throws {
        let outcome = try await cutEverywhere(synchronous: "OFF")
        #expect(outcome.lost > 0)
        #expect(outcome.damaged > 0)
    }

    @Test func `SQLite says of each failed call what its own VFS says`() async throws {
        let expected: [(Fault.Kind, DiskCall, Int32)] = [
            (.inputOutput, .write, SQLITE_IOERR_WRITE),
            (.noSpace, .write, 13),
            (.shortWrite, .write, 13),
            (.sync, .sync, SQLITE_IOERR_FSYNC),
            (.inputOutput, .shmLock, SQLITE_IOERR_SHMLOCK),
            // SQLITE_PROTOCOL: a reader that never gets its lock gives up.
            (.lock, .shmLock, 15),
        ]
        for (kind, call, code) in expected {
            try await withTemporaryDirectory { directory in
                let seen = try failure(of: kind, at: call, in: directory)
                #expect(seen == code, "\(kind) at \(call)")
            }
        }
    }

    /// - Returns: SQLite's code for a commit whose first such call fails for good.
    private func failure(of kind: Fault.Kind, at call: DiskCall, in directory: String) throws -> Int32? {
        _ = insert(1...1, on: try FaultyDisk(directory: directory), synchronous: "FULL")
        let healthy = try FaultyDisk(directory: directory)
        let first = try number(of: call, on: healthy)
        let disk = try FaultyDisk(directory: directory, fault: Fault(kind, atCall: first, isForGood: true))
        do throws(SQLiteError) {
            _ = try number(of: call, on: disk)
            return nil
        } catch {
            return error.code
        }
    }

    /// - Returns: the number of the first such call of a commit on a connection that has read already.
    private func number(of call: DiskCall, on disk: FaultyDisk) throws(SQLiteError) -> Int {
        let database = try Database(path: disk.directory + "/db", access: .readWrite, vfs: disk.vfs)
        try database.execute("PRAGMA synchronous = FULL; BEGIN IMMEDIATE; ROLLBACK")
        let before = disk.calls.count
        try database.execute("INSERT INTO numbers VALUES (100); DELETE FROM numbers WHERE number = 100")
        return (disk.calls[before...].firstIndex(of: call) ?? 0) + 1
    }
}
