internal import ClickHouseWriter
internal import Foundation

/// What a writing process meets on its disk, drawn anew for each.
struct DiskFullOrder: Codable {
    /// When something else takes the rest of the disk, to the last byte.
    enum Eater: String, Codable, CaseIterable {
        case never, beforeDraining, whileDraining
    }

    var spool: String
    var url: String
    var disk: SmallDisk
    /// The first number of its first write; see ``NumberedWrites``.
    var first: Int
    /// What it has to begin with: on the disk, or to each file.
    var roomBytes: Int
    var eater: Eater
    /// Dies when the disk is full; another process goes on.
    var diesWhenFull: Bool
    /// The process before it died on a disk that is eaten up, and it still is.
    var startsFull: Bool
    var isPowerLossProof: Bool
    var maxBatchSize: Int
    var maxInFlight: Int

    static let numbers = NumberedWrites(shortText: 3_000...6_000, longText: 20_000...200_000)

    init(
        _ disk: SmallDisk,
        spool: String,
        url: String,
        first: Int,
        startsFull: Bool,
        using generator: inout SeededGenerator
    ) {
        self.disk = disk
        self.spool = spool
        self.url = url
        self.first = first
        self.startsFull = startsFull
        switch disk.kind {
        // More than the place of the WAL takes, in either case.
        case .tmpfs, .ext4, .xfs, .btrfs: roomBytes = .random(in: 28...44, using: &generator) << 20
        case .fileSizeLimit: roomBytes = .random(in: 21...28, using: &generator) << 20
        }
        eater = Eater.allCases.randomElement(using: &generator) ?? .never
        // No place that was reserved helps where no file may grow.
        if disk.kind == .fileSizeLimit, eater == .whileDraining { eater = .never }
        diesWhenFull = disk.kind.isFileSystem && Int.random(in: 0..<6, using: &generator) == 0
        isPowerLossProof = .random(using: &generator)
        maxBatchSize = .random(in: 50...500, using: &generator)
        maxInFlight = .random(in: 1...4, using: &generator)
    }

    var configuration: BatchWriterConfiguration {
        var configuration = StandInTable.configuration(spool: spool, url: url)
        configuration.durability = isPowerLossProof ? .powerLoss : .processCrash
        configuration.maxBatchSize = maxBatchSize
        configuration.maxInFlight = maxInFlight
        configuration.flushInterval = .milliseconds(50)
        configuration.shutdownTimeout = .seconds(60)
        return configuration
    }

    /// As the child's argument.
    var text: String {
        get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    }

    init(text: String) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(text.utf8))
    }
}
