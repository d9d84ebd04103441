import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct SpoolFileSystemTests {
    static let volatile = Mount(type: "overlay", options: ["lowerdir=/l", "upperdir=/u", "volatile"])

    @Test(arguments: [
        ("tmpfs rw,size=100k", true), ("ramfs rw", true),
        ("overlay rw,lowerdir=/l,upperdir=/u,workdir=/w,volatile", true),
        ("overlay rw,lowerdir=/l,fsync=volatile", true), ("overlay rw,lowerdir=/l,upperdir=/u,workdir=/w", false),
        ("ext4 rw", false), ("btrfs rw,subvolid=5", false),
    ])
    func `a file system that keeps nothing over a power cut is known by its mount`(mount: String, forgets: Bool) {
        let words = mount.split(separator: " ")
        let table = MountTable("40 22 0:50 / /m rw,relatime shared:1 - \(words[0]) source \(words[1])")
        #expect(table.mount(of: "/m/s")?.forgets == forgets)
    }

    @Test(
        arguments: [
            "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse", "prl_fs", "grpcfuse", "fuse.grpcfuse", "fakeowner", "davfs",
            "fuse.davfs",
        ]
    )
    func `what reaches to the host of a virtual machine is refused like a network file system`(type: String)
        async throws
    {
        try await withTemporaryDirectory { directory in
            var configuration = SpoolConfiguration(path: directory + "/s")
            configuration.fileSystem = SystemFileSystem(on: Mount(type: type))
            let error = #expect(throws: SpoolError.self) { try Spool(configuration) }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("network file system (\(type))") == true)
        }
    }

    private static let isInMemory = SystemFileSystem().mount(of: "/dev/shm")?.type == "tmpfs"

    @Test(.enabled(if: isInMemory))
    func `a spool in memory says that it survives the process only`() async throws {
        let path = "/dev/shm/spool-\(UUID().uuidString)"
        defer {
            for suffix in [""] + SpoolFileNames.beside { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        try await withSpool(at: path, durability: .powerLoss) { spool in
            try await spool.append(payload(1))
            #expect(spool.durability == .processCrash)
            #expect(spool.notices.count == 1)
            #expect(
                spool.notices.first?.message.contains("is on tmpfs: what is written survives the death of the process")
                    == true
            )
            #expect(try SpoolSurroundings(ofSpoolAt: path).owner.note?.durability == .processCrash)
            let place = try SpoolCheck(path: path).run().first { $0.name == "file system" }
            #expect(place?.detail.contains("not a power cut") == true)
        }
    }

    @Test func `so does one on an overlay that ignores syncs, and one on a disk keeps what was asked for`() async throws
    {
        try await withTemporaryDirectory { directory in
            func open(_ name: String, on mount: Mount) async throws -> (SpoolConfiguration.Durability, Int) {
                try await withSpool(
                    at: directory + name,
                    durability: .powerLoss,
                    configure: { $0.fileSystem = SystemFileSystem(on: mount) }
                ) { ($0.durability, $0.notices.count) }
            }
            let (onOverlay, said) = try await open("/a", on: Self.volatile)
            #expect(onOverlay == .processCrash)
            #expect(said == 1)
            let (onDisk, saidOfDisk) = try await open("/b", on: Mount(type: "ext4"))
            #expect(onDisk == .powerLoss)
            #expect(saidOfDisk == 0)
        }
    }

    @Test(.enabled(if: LoopMount.canMake("ext4")))
    func `an overlay that ignores syncs is known as this kernel shows it`() async throws {
        try await LoopMount.with("ext4", megabytes: 32) { directory in
            for name in ["l", "u", "w", "m"] {
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/\(name)",
                    withIntermediateDirectories: false
                )
            }
            let options = "lowerdir=\(directory)/l,upperdir=\(directory)/u,workdir=\(directory)/w"
            for (volatile, forgets) in [("", false), (",volatile", true)] {
                try await LoopMount.run("mount", "-t", "overlay", "-o", options + volatile, "overlay", directory + "/m")
                #expect(SystemFileSystem().mount(of: directory + "/m/s")?.forgets == forgets)
                try await LoopMount.run("umount", directory + "/m")
            }
        }
    }

    @Test(.enabled(if: LoopMount.canMake("btrfs")))
    func `where the file system copies on write, the spool's files are overwritten in place`() async throws {
        try await LoopMount.with("btrfs", megabytes: 128) { directory in
            let path = directory + "/s"
            let system = SystemFileSystem()
            func copied() throws -> [String] {
                try ["", "-wal", "-shm", ".lock"].filter { suffix in
                    try system.status(of: path + suffix) != nil
                        && !system.overwritesInPlace(path + suffix, makes: false)
                }
            }
            func findings() throws -> [CheckResult] {
                try SpoolCheck(path: path).run().filter { $0.name == "file system" && !$0.isSound }
            }
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<10)
                #expect(spool.notices == [])
                #expect(try copied() == [])
            }
            #expect(try findings().isEmpty)
            // Reading leaves files that SQLite has made.
            #expect(try SpoolStatus(readingSpoolAt: path).pending == 10)
            #expect(try copied().contains("-shm"))
            #expect(try findings().isEmpty, "the next owner makes them anew")
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(10..<20)
                #expect(spool.notices == [])
                #expect(try copied() == [])
            }
        }
    }

    @Test(.enabled(if: LoopMount.canMake("btrfs")))
    func `a spool of an earlier version on btrfs is named, with what to do`() async throws {
        try await LoopMount.with("btrfs", megabytes: 128) { directory in
            let path = directory + "/s"
            try await withTemporaryDirectory { other in
                try await withSpool(at: other + "/s") { try await $0.appendNumbers(0..<10) }
                try Data(contentsOf: URL(filePath: other + "/s")).write(to: URL(filePath: path))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            }
            try await withSpool(at: path) { spool in
                #expect(spool.notices.count == 1)
                #expect(spool.notices.first?.message.hasPrefix("\(path): copied on write (btrfs)") == true)
                #expect(spool.summary.pending == 10)
            }
            let findings = try SpoolCheck(path: path).run().filter { !$0.isSound }
            #expect(findings.map(\.name) == ["file system"])
            #expect(findings.first?.detail.hasPrefix("\(path): copied on write (btrfs)") == true)
        }
    }

    /// The bytes of a spool's `-shm` that have their place on the disk, also behind its end.
    private func bytesOfIndex(_ path: String) throws -> Int {
        var status = stat()
        try #require(unsafe stat(path + "-shm", &status) == 0)
        return Int(status.st_blocks) * 512
    }

    // mkfs.ext4 makes blocks of 1 KiB on less than 512 MB. SQLite gives one of four its place, and the others when it writes to them
    // through memory.
    @Test(.enabled(if: LoopMount.canMake("ext4")))
    func `the WAL's index has its place before SQLite needs it, however long a reader holds the WAL`() async throws {
        try await LoopMount.with("ext4", megabytes: 256) { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { spool in
                func grow(to walBytes: Int, _ row: [UInt8]) async throws {
                    while spool.usage.walBytes < walBytes {
                        try await spool.append(row)
                        // 32 KiB for each 4,096 frames, of which 34 are its header's.
                        let soon = spool.usage.walPages + 16 + 34
                        try #require(try bytesOfIndex(path) >= (soon / 4_096 + 1) << 15)
                    }
                }
                try await spool.append(payload(0))
                #expect(try bytesOfIndex(path) >= 64 << 10)
                let reader = try Database(path: path, access: .readOnly)
                try reader.execute("BEGIN; SELECT count(*) FROM records")
                try await grow(to: 63 << 20, [UInt8](repeating: 0x61, count: 1 << 20))
                try await grow(to: 65 << 20, [UInt8](repeating: 0x61, count: 20_000))
            }
        }
    }

    @Test(.enabled(if: LoopMount.canMake("ext4")))
    func `so it has while a reader keeps open what SQLite has made`() async throws {
        try await LoopMount.with("ext4", megabytes: 128) { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<10) }
            let reader = try Database(path: path, access: .readOnly)
            try reader.execute("BEGIN; SELECT count(*) FROM records")
            try #require(try bytesOfIndex(path) < 32 << 10)
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(10..<20)
                #expect(try bytesOfIndex(path) >= 64 << 10)
                #expect(try reader.integer("SELECT count(*) FROM records") == 10)
            }
        }
    }

    @Test(arguments: ["ext4", "xfs"].filter(LoopMount.canMake))
    func `what has its place on the disk already needs no room`(type: String) async throws {
        try await LoopMount.with(type, megabytes: type == "xfs" ? 320 : 128) { directory in
            let system = SystemFileSystem()
            let path = directory + "/f"
            try system.create(path, with: [UInt8](repeating: 1, count: 8 << 20))
            try system.reserve(20 << 20, for: path)
            let rest = try system.availableBytes(at: directory) - (2 << 20)
            try system.create(directory + "/filling", with: [])
            try system.reserve(rest, for: directory + "/filling")
            // XFS wants room for all of the range, also for what is there.
            try system.reserve(20 << 20, for: path)
            try system.reserve(21 << 20, for: path)
        }
    }
}
