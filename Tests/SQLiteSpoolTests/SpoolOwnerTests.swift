import Foundation
@testable import SQLiteSpool
import Synchronization
import TestSupport
import Testing

@Suite(.bounded) struct SpoolOwnerTests {
    private static let table = """
        1: POSIX  ADVISORY  WRITE 77 fe:01:123456 0 EOF
        2: FLOCK  ADVISORY  WRITE 80 fe:01:123456 0 EOF
        3: FLOCK  ADVISORY  READ 81 fe:01:500 0 EOF
        4: FLOCK  ADVISORY  WRITE 82 00:2a:600 0 EOF
        5: -> FLOCK  ADVISORY  WRITE 83 fe:01:700 0 EOF
        6: FLOCK  ADVISORY  WRITE 84 fe:01:1123456 0 EOF
        """

    @Test(
        arguments: [
            ("the process that says so holds the lock", 123_456, 80, 80),
            ("another holds it, as the file's device says", 123_456, 4_242, 80),
            ("nobody says so, and one holds it", 123_456, nil, 80),
            ("a shared lock is nobody's", 500, 81, nil),
            ("an equal inode of another device is another file", 600, 4_242, nil),
            ("some file systems name another device: then the process must be the one", 600, 82, 82),
            ("who waits for the lock does not hold it", 700, 83, nil),
            ("nobody holds it", 999, 80, nil),
        ] as [(String, UInt64, Int32?, Int32?)]
    )
    func `the owner is in the table of locks`(name: String, inode: UInt64, expected: Int32?, holder: Int32?) {
        let device: UInt64 = 0xfe01
        #expect(LockTable(Self.table).holder(ofFile: inode, device: device, expected: expected) == holder)
    }

    @Test func `a lock file without an owner's note still tells the process`() {
        let starting = SpoolOwner(lockFile: "4242      \n", holder: { $0 })
        #expect(starting == SpoolOwner(process: 4242, isAlive: true, note: nil))
        let dead = SpoolOwner(lockFile: "4242      \n", holder: { _ in nil })
        #expect(dead == SpoolOwner(process: 4242, isAlive: false, note: nil))
        let never = SpoolOwner(lockFile: nil, holder: { _ in nil })
        #expect(never == SpoolOwner(process: nil, isAlive: false, note: nil))
        let unlocked = SpoolOwner(lockFile: nil, holder: { _ in 1 })
        #expect(unlocked == SpoolOwner(process: 1, isAlive: true, note: nil))
        let empty = SpoolOwner(lockFile: "", holder: { _ in nil })
        #expect(empty == SpoolOwner(process: nil, isAlive: false, note: nil))
    }

    @Test func `the owner is seen while it lives and remembered afterwards`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { spool in
                try await spool.append(payload(1))
                let files = try SpoolSurroundings(ofSpoolAt: path)
                #expect(files.owner.isAlive)
                #expect(files.owner.process == ProcessInfo.processInfo.processIdentifier)
                #expect(files.owner.note?.durability == .processCrash)
                #expect(files.owner.note?.state == .sound)
                #expect(files.walBytes > 0)
                #expect(files.databaseBytes > 0)
                #expect(files.freeBytes ?? 0 > 0)
                #expect(files.readers.isEmpty)
            }
            let files = try SpoolSurroundings(ofSpoolAt: path)
            #expect(!files.owner.isAlive)
            #expect(files.owner.process == ProcessInfo.processInfo.processIdentifier)
            #expect(files.walBytes == 0)
        }
    }

    @Test func `what is acknowledged was noted before, so that a spool that loses it is found out`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let noted = Mutex<[Int64?]>([])
            try await withSpool(
                at: path,
                onEvent: { event in
                    guard case .committed = event else { return }
                    let files = try? SpoolSurroundings(ofSpoolAt: path)
                    noted.withLock { $0.append(files?.owner.note?.progress.committed) }
                },
                { spool in
                    for number in 1...3 {
                        try await spool.append(payload(number))
                        // The event comes before the task goes on.
                        #expect(noted.withLock(\.last) == Int64(number))
                    }
                }
            )
        }
    }

    @Test func `to look at it never keeps an owner from starting`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.append(payload(1)) }
            async let looks = Self.look(20, at: path)
            for number in 2..<20 {
                try await withSpool(at: path) { try await $0.append(payload(number)) }
            }
            #expect(try await looks == 20)
        }
    }

    @concurrent
    private static func look(_ times: Int, at path: String) async throws -> Int {
        for _ in 0..<times { _ = try SpoolSurroundings(ofSpoolAt: path) }
        return times
    }

    @Test func `only databases that were set aside are named, the oldest first`() {
        let names = [
            "s", "s-wal", "s.lock", "s.damaged-20261123T101500Z-wal", "s.damaged-20261123T101500Z",
            "s.damaged-20261122T101500Z", "s.damaged-20261122T101500Z-wal.original", "t.damaged-20261123T101500Z",
        ]
        #expect(
            SpoolSurroundings.quarantined(names, spool: "s") == [
                "s.damaged-20261122T101500Z", "s.damaged-20261123T101500Z",
            ]
        )
    }
}
