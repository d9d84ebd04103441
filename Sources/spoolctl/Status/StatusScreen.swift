internal import SQLiteSpool

/// A spool's status in plain words.
struct StatusScreen {
    private let status: SpoolStatus

    init(_ status: SpoolStatus) {
        self.status = status
    }

    var text: String {
        let lines = [
            "delivery      \(status.state.rawValue)",
            "guarantee     \(status.guarantee ?? "not known yet")",
            "pending       \(status.pending)",
            "in flight     \(status.inFlight)",
            "dead letters  \(status.deadLetters)",
            "dropped       \(status.dropped)",
            "oldest        \(status.oldestPendingSeconds.map(Words.age) ?? "-")",
            "payload       \(Words.size(status.payloadBytes))",
        ]
        // A batch that failed says so itself.
        let isSaidBelow = status.batches.contains { $0.lastError == status.lastError }
        let reason = isSaidBelow ? [] : status.lastError.map { ["last error    \($0)"] } ?? []
        return (lines + reason + status.batches.flatMap(describe)).joined(separator: "\n")
    }

    private func describe(_ batch: SpoolStatus.InFlightBatch) -> [String] {
        let attempts = batch.attempts == 0 ? "not failed yet" : "failed \(Words.count(batch.attempts, "time"))"
        let head = "batch \(batch.token): \(Words.count(batch.records, "record")), \(attempts)"
        return [head] + (batch.lastError.map { ["  last error: \($0)"] } ?? [])
    }
}
