internal import SQLiteSpool

/// The samples of the last minutes, and the rates between them.
struct WatchHistory {
    /// What is drawn of one sample; nil where the spool could not be read, or there is nothing to compare with.
    struct Point: Equatable {
        /// Records that ClickHouse has not provably accepted yet.
        var depth: Double?
        var writesPerSecond: Double?
        var deliveredPerSecond: Double?
    }

    private(set) var points: [Point] = []

    /// Points that came before these and were forgotten: what keeps columns from changing when others are forgotten.
    private var forgotten = 0
    private var previous: (status: SpoolStatus, time: Duration)?

    /// Points that are kept: ten minutes at one a second.
    static let most = 600

    /// - Parameters:
    ///   - status: nil when the spool could not be read.
    ///   - time: since any moment, by a clock that is never set.
    mutating func add(_ status: SpoolStatus?, at time: Duration) {
        points.append(point(status, at: time))
        if points.count > Self.most {
            points.removeFirst()
            forgotten += 1
        }
        // Over a gap there is no rate: another spool may be there since.
        previous = status.map { ($0, time) }
    }

    var latest: Point { points.last ?? Point() }

    private func point(_ status: SpoolStatus?, at time: Duration) -> Point {
        guard let status else { return Point() }
        var point = Point(depth: Double(status.undelivered))
        guard let previous, previous.status.uuid == status.uuid, previous.time < time else { return point }
        let seconds = (time - previous.time).inSeconds
        // Numbers of a file that may say anything.
        let written = Double(status.lastID) - Double(previous.status.lastID)
        // What left was delivered, unless it was dropped or became a dead letter. Fewer dead letters than before were
        // requeued, which is a record written, or discarded: neither is a delivery.
        let left = written - (Double(status.undelivered) - Double(previous.status.undelivered))
        let dropped = Double(status.dropped) - Double(previous.status.dropped)
        let refused = max(0, Double(status.deadLetters) - Double(previous.status.deadLetters))
        point.writesPerSecond = max(0, written) / seconds
        point.deliveredPerSecond = max(0, left - dropped - refused) / seconds
        return point
    }

    /// The points as at most so many columns, each the mean of as many points as it takes to show all.
    func columns(_ width: Int, _ value: (Point) -> Double?) -> [Double?] {
        guard width > 0, !points.isEmpty else { return [] }
        // One more than fits, as the first may be cut.
        let pointsPerColumn = max(1, (points.count + width - 1) / width)
        let groups = Dictionary(grouping: points.indices) { ($0 + forgotten) / pointsPerColumn }
        return groups.keys.sorted().suffix(width).map { key in
            let values = (groups[key] ?? []).compactMap { value(points[$0]) }
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
    }
}
