internal import ClickHouseWriter
internal import Foundation

/// What a child is to do until it dies, drawn anew for each: a spool must outlive changed settings too.
struct KillOrder: Codable {
    var spool: String
    var url: String
    /// The first number of its first write; see ``NumberedWrites``.
    var first: Int
    var point: KillPoint
    /// At which occurrence of the point it dies, from 1.
    var occurrence: Int
    /// How much of the last write to a file reaches it, in quarters.
    var quartersWritten: Int
    /// After so many writes each task rests for longer than the spool waits to checkpoint. nil: never.
    var writesBeforeRest: Int?
    /// After so many acknowledgements it closes the writer, which checkpoints too. nil: never.
    var acknowledgementsBeforeClose: Int?
    var isPowerLossProof: Bool
    var maxBatchSize: Int
    var maxInFlight: Int
    var isCompressed: Bool

    static let rest = Duration.milliseconds(300)

    init(
        _ point: KillPoint,
        spool: String,
        url: String,
        first: Int,
        using generator: inout SeededGenerator
    ) {
        self.spool = spool
        self.url = url
        self.first = first
        self.point = point
        occurrence = .random(in: point.occurrences, using: &generator)
        quartersWritten = .random(in: 0...4, using: &generator)
        isPowerLossProof = .random(using: &generator)
        maxBatchSize = .random(in: 5...50, using: &generator)
        maxInFlight = .random(in: 1...4, using: &generator)
        isCompressed = .random(using: &generator)
        // Dying while a spool is opened needs no writes.
        if point.isInOpening { acknowledgementsBeforeClose = 0 }
        guard point == .checkpoint else { return }
        if .random(using: &generator) {
            writesBeforeRest = .random(in: 1...5, using: &generator)
        } else {
            acknowledgementsBeforeClose = .random(in: 20...200, using: &generator)
        }
    }

    var configuration: BatchWriterConfiguration {
        var configuration = StandInTable.configuration(spool: spool, url: url)
        configuration.durability = isPowerLossProof ? .powerLoss : .processCrash
        configuration.maxBatchSize = maxBatchSize
        configuration.maxInFlight = maxInFlight
        configuration.compression = isCompressed ? .gzip : .none
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

extension KillPoint {
    /// Whether the spool must be damaged first.
    var isInOpening: Bool { self == .repair || self == .salvage }

    /// Few enough to be reached soon, and for a file as many as a small transaction or checkpoint writes.
    fileprivate var occurrences: ClosedRange<Int> {
        switch self {
        case .random: 1...1
        case .append: 1...40
        case .freeze, .send, .reply, .acknowledge: 1...6
        case .commit: 1...80
        case .checkpoint: 1...12
        case .migration: 1...10
        case .repair: 1...20
        case .salvage: 1...30
        }
    }
}
