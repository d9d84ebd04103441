import Foundation
@testable import SQLiteSpool
import Synchronization
import TestSupport
import Testing

@Suite(.bounded) struct SpoolSpaceTests {
    @Test(arguments: [
        (SpoolUsage(pages: 500, freePages: 450), 0, 0),
        (SpoolUsage(pages: 10_000, freePages: 5_000), 0, 0),
        (SpoolUsage(pages: 10_000, freePages: 8_100), 8, 128),
        (SpoolUsage(pages: 522, freePages: 518), 6, 6),
        (SpoolUsage(pageBytes: 4_096, pages: 10_000, freePages: 8_100), 16, 256),
    ])
    func `a file is cut in small steps once most of it is free`(usage: SpoolUsage, busy: Int, quiet: Int) {
        let policy = VacuumPolicy()
        #expect(policy.pages(usage, isBusy: true) == busy)
        #expect(policy.pages(usage, isBusy: false) == quiet)
    }

    @Test func `after a backlog the file gives its space back`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let row = Array("{\"x\":\"\(String(repeating: "x", count: 1_000))\"}".utf8)
            try await withSpool(at: path, configure: { $0.vacuum.bytesKept = 512 << 10 }) { spool in
                for _ in 0..<20 { try await spool.append(contentsOf: Array(repeating: row, count: 1_000)) }
                let full = spool.usage.databaseBytes
                while let batch = try await spool.freeze(maxRecords: 1_000, maxBytes: 8 << 20) {
                    try await spool.acknowledge(batch.batch)
                }
                // Whatever is written meanwhile finds its place.
                try await waitUntil {
                    try await spool.append(payload(1))
                    return try fileSize(path) * 20 <= full
                }
                #expect(spool.usage.databaseBytes * 20 <= full)
            }
            let database = try Database(path: path, access: .readOnly)
            #expect(try database.text("PRAGMA integrity_check") == "ok")
        }
    }

    /// Whatever is needed later is open already. Not with a real process whose limit is used up: libdispatch ends such a one.
    @Test func `a process without a free descriptor goes on, and does not take its disk for full`() async throws {
        try await withTemporaryDirectory { directory in
            let files = LimitedFileSystem()
            let configure = { (configuration: inout SpoolConfiguration) in
                configuration.fileSystem = files
                configuration.checkpoints.quietPeriodMilliseconds = 1
            }
            let events = EventRecorder()
            try await withSpool(at: directory + "/s", onEvent: events.record, configure: configure) { spool in
                files.isUsedUp.store(true, ordering: .releasing)
                for number in 0..<5 {
                    try await spool.append(payload(number))
                    // Then the WAL has been moved into the database, and is to get its place on the disk anew.
                    try await waitUntil { spool.usage.walPages == 0 }
                }
                let batch = try #require(try await spool.next()).batch
                try await spool.acknowledge(batch)
                #expect(spool.health.state == .sound)
            }
            #expect(events.troubles.isEmpty)
        }
        #expect(SpoolError(FileSystemFailure(errno: EMFILE, action: "open it")).code == .failed)
    }

    @Test func `a reader that holds the WAL is noticed and named, and the WAL shrinks when it has left`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let events = EventRecorder()
            let row = Array("{\"x\":\"\(String(repeating: "x", count: 1_000))\"}".utf8)
            try await withSpool(at: path, onEvent: events.record, configure: { $0.walAlarmBytes = 20 << 20 }) { spool in
                try await spool.append(payload(1))
                do {
                    let reader = try Database(path: path, access: .readOnly)
                    try reader.execute("BEGIN")
                    #expect(try reader.integer("SELECT count(*) FROM records") == 1)
                    while !events.troubles.contains(where: { $0.kind == "walHeld" }) {
                        try await spool.append(contentsOf: Array(repeating: row, count: 500))
                    }
                    #expect(try fileSize(path + "-wal") > 20 << 20)
                    #expect(try reader.integer("SELECT count(*) FROM records") == 1)
                }
                try await waitUntil { try fileSize(path + "-wal") <= 17 << 20 }
            }
            #expect(events.troubles.map(\.kind) == ["walHeld", "walReleased"])
        }
    }

    @Test func `the processes that read are in the table of locks`() {
        let table = LockTable(
            """
            1: POSIX  ADVISORY  READ 4242 fe:01:123456 124 124
            2: POSIX  ADVISORY  READ 4242 fe:01:123456 128 128
            3: POSIX  ADVISORY  WRITE 77 fe:01:123456 120 120
            4: POSIX  ADVISORY  READ 78 fe:01:123456 128 128
            5: POSIX  ADVISORY  READ 79 fe:01:923456 123 127
            6: FLOCK  ADVISORY  WRITE 80 fe:01:123456 0 EOF
            7: POSIX  ADVISORY  READ 81 fe:01:123456 123 123
            7: -> POSIX  ADVISORY  READ 82 fe:01:123456 123 123
            """
        )
        #expect(table.readers(ofWALIndex: 123_456) == [81, 4242])
    }

    @Test(arguments: [
        ("/srv/data", nil), ("/mnt/nfs/spool", "nfs4"), ("/mnt/nfs", "nfs4"), ("/mnt/nfs-not", nil),
        ("/mnt/nfs/local", nil), ("/mnt/with space/x", "fuse.sshfs"),
    ])
    func `a network file system is known by its mount`(path: String, type: String?) {
        let table = MountTable(
            """
            22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
            30 22 0:40 / /mnt/nfs rw,relatime shared:9 master:2 - nfs4 server:/export rw,vers=4.2
            31 30 254:2 / /mnt/nfs/local rw - ext4 /dev/vdb rw
            32 22 0:50 / /mnt/with\\040space rw - fuse.sshfs host: rw
            """
        )
        let mount = table.mount(of: path)
        #expect((mount?.isNetwork == true ? mount?.type : nil) == type)
    }

    private func fileSize(_ path: String) throws -> Int {
        try SystemFileSystem().status(of: path)?.bytes ?? 0
    }
}

/// The real one, where nothing can be opened once all descriptors are in use.
private final class LimitedFileSystem: FileSystem {
    let isUsedUp = Atomic<Bool>(false)

    func willMake(_ call: FileCall) throws(FileSystemFailure) -> Bool {
        switch call {
        case .names, .read, .open, .openLock, .create:
            if isUsedUp.load(ordering: .acquiring) { throw FileSystemFailure(errno: EMFILE, action: "open a file") }
        default: break
        }
        return true
    }
}
