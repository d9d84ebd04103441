internal import FaultyDisk
internal import SQLiteSpool

/// What is on the disk when a run begins: the same files in every cycle.
struct StartingPoint {
    enum Kind: Hashable {
        case nothing
        /// A spool of an older version.
        case version(Int)
        /// A spool with a page that is not what was written, which its last owner noticed.
        case damagedDatabase
        /// A spool whose owner lost power, and a flipped bit in its WAL.
        case damagedWAL
    }

    let kind: Kind
    private(set) var files: [String: [UInt8]] = [:]
    /// The records in it that must be delivered.
    private(set) var account = Account()

    private static let records = 15
    private static let frozenRecords = 4
    private static let system = SystemFileSystem()

    init(
        _ kind: Kind,
        _ durability: SpoolConfiguration.Durability,
        watchdog: Watchdog,
        in scratch: inout ScratchDirectory
    ) async throws {
        self.kind = kind
        switch kind {
        case .nothing: break
        case .version(let version):
            let directory = try scratch.makeDirectory()
            let numbers = account.takeNumbers(Self.records)
            let rows = numbers.map { String(decoding: NumberedPayload.payload($0), as: UTF8.self) }
            _ = try OldSpool.make(
                at: "\(directory)/\(Workload.fileName)",
                version: version,
                rows: rows,
                frozen: Self.frozenRecords
            )
            account.acknowledge(numbers)
            files = try Self.files(in: directory)
        case .damagedDatabase, .damagedWAL:
            try await makeDamaged(durability, watchdog, in: &scratch)
        }
    }

    /// A directory with the files.
    func makeDirectory(in scratch: inout ScratchDirectory) throws -> String {
        let directory = try scratch.makeDirectory()
        for (name, bytes) in files { try Self.system.create("\(directory)/\(name)", with: bytes) }
        return directory
    }

    private static func files(in directory: String) throws(FileSystemFailure) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try system.names(in: directory) where !name.hasSuffix("-shm") {
            files[name] = try system.contents(of: "\(directory)/\(name)")
        }
        return files
    }

    // MARK: Damage

    private mutating func makeDamaged(
        _ durability: SpoolConfiguration.Durability,
        _ watchdog: Watchdog,
        in scratch: inout ScratchDirectory
    ) async throws {
        let disk = try FaultyDisk(directory: try scratch.makeDirectory())
        var workload = Workload(on: disk, watchdog: watchdog)
        let spool = try workload.openSpool(durability)
        for _ in 0..<4 { _ = await workload.appendTogether(12, to: spool) }
        _ = await workload.freeze(from: spool)
        _ = await workload.appendTogether(12, to: spool)
        if kind == .damagedDatabase {
            await workload.close(spool)
            files = try Self.files(in: disk.directory)
            damageDatabase()
        } else {
            disk.cutPower()
            await workload.close(spool)
            let directory = try scratch.makeDirectory()
            var generator = SeededGenerator(seed: 0)
            try disk.materialize(in: directory, using: &generator, .everything)
            files = try Self.files(in: directory)
            damageWAL()
        }
        account = workload.account
        try await keepSalvageable(durability, watchdog, in: &scratch)
    }

    /// Zeros the page that has a record in the middle, and has the owner's note say that it was noticed.
    private mutating func damageDatabase() {
        let record = NumberedPayload.payload(24).prefix(64)
        // Any other page might be one that nothing is in.
        guard var database = files[Workload.fileName], let place = database.firstRange(of: record) else { return }
        let pageBytes = SpoolUsage.defaultPageBytes
        let page = place.lowerBound / pageBytes * pageBytes
        database.replaceSubrange(page..<page + pageBytes, with: repeatElement(0, count: pageBytes))
        files[Workload.fileName] = database
        let lock = "\(Workload.fileName).lock"
        let note = String(decoding: files[lock] ?? [], as: UTF8.self)
        files[lock] = Array(note.replacing("sound  ", with: "damaged").utf8)
    }

    /// Flips a bit in the middle of the frames that are read: behind them are those of before the last checkpoint, which
    /// have other salts (https://www.sqlite.org/fileformat2.html#walformat).
    private mutating func damageWAL() {
        guard var wal = files["\(Workload.fileName)-wal"], wal.count > 32 else { return }
        let starts = stride(from: 32, to: wal.count, by: 24 + SpoolUsage.defaultPageBytes)
        let live = starts.prefix { wal[$0 + 8..<$0 + 16].elementsEqual(wal[16..<24]) }
        guard !live.isEmpty else { return }
        wal[live[live.count / 2] + 24 + 2048] ^= 1
        files["\(Workload.fileName)-wal"] = wal
    }

    /// What a salvage that nothing interrupts brings back is what every salvage must bring back.
    private mutating func keepSalvageable(
        _ durability: SpoolConfiguration.Durability,
        _ watchdog: Watchdog,
        in scratch: inout ScratchDirectory
    ) async throws {
        let disk = try FaultyDisk(directory: try makeDirectory(in: &scratch))
        let workload = Workload(on: disk, watchdog: watchdog)
        let spool = try workload.openSpool(durability)
        guard let loss = spool.loss, loss.quarantinedFile != nil, loss.salvaged > 0 else {
            throw SpoolError(
                .failed,
                "the damaged spool (\(kind)) was not salvaged: \(spool.loss.map { "\($0)" } ?? "no loss")"
            )
        }
        let inspection = try workload.inspect()
        await workload.close(spool)
        _ = account.writeOff { inspection.records.contains($0) || inspection.deadLetters.contains($0) }
    }
}
