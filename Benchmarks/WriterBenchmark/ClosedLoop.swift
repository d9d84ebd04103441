import ClickHouseWriter

/// Tasks that all write, wait until it is committed, and write again.
struct ClosedLoop {
    var tasks: Int
    var seconds: Int

    /// - Parameters:
    ///   - rows: what to count at the end, by how often was written.
    ///   - write: done again and again.
    func run(
        rows: (_ writes: Int) -> Int,
        _ write: @escaping @Sendable () async throws -> Void
    ) async throws -> Figures {
        let processorBefore = processorTime()
        let start = ContinuousClock.now
        let end = start.advanced(by: .seconds(seconds))
        let latencies = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var latencies: [Duration] = []
                    var before = ContinuousClock.now
                    while before < end {
                        try await write()
                        let after = ContinuousClock.now
                        latencies.append(before.duration(to: after))
                        before = after
                    }
                    return latencies
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let rows = rows(latencies.count)
        return Figures(
            latencies: latencies,
            rows: rows,
            in: start.duration(to: .now),
            processorTime: processorTime() - processorBefore
        )
    }
}
