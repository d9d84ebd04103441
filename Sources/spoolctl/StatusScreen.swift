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
            "oldest        \(status.oldestPendingSeconds.map(Self.age) ?? "-")",
            "payload       \(Self.size(status.payloadBytes))",
        ]
        // A batch that failed says so itself.
        let isSaidBelow = status.batches.contains { $0.lastError == status.lastError }
        let reason = isSaidBelow ? [] : status.lastError.map { ["last error    \($0)"] } ?? []
        return (lines + reason + status.batches.flatMap(describe)).joined(separator: "\n")
    }

    private func describe(_ batch: SpoolStatus.InFlightBatch) -> [String] {
        let attempts = batch.attempts == 0 ? "not failed yet" : "failed \(Self.count(batch.attempts, "time"))"
        let head = "batch \(batch.token): \(Self.count(batch.records, "record")), \(attempts)"
        return [head] + (batch.lastError.map { ["  last error: \($0)"] } ?? [])
    }

    private static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    private static func age(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7_200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3_600) h"
        default: "\(seconds / 86_400) days"
        }
    }

    private static func size(_ bytes: Int) -> String {
        switch bytes {
        case ..<(10 << 10): "\(bytes) bytes"
        case ..<(10 << 20): "\(bytes >> 10) KiB"
        default: "\(bytes >> 20) MiB"
        }
    }
}
