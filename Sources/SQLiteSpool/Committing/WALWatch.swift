/// Notices a reader that keeps the WAL from being checkpointed, so that it grows.
struct WALWatch {
    let alarmBytes: Int
    private(set) var isHeld = false

    /// Bytes from which the next checkpoint may get further than the latest one.
    private(set) var nextAttempt = 0

    enum Change {
        /// The WAL has grown past the alarm.
        case held
        /// All of it was moved again.
        case released
    }

    func isWorthACheckpoint(_ usage: SpoolUsage) -> Bool { usage.walBytes >= nextAttempt }

    mutating func didCheckpoint(_ usage: SpoolUsage, isComplete: Bool) -> Change? {
        if isComplete {
            nextAttempt = 0
            defer { isHeld = false }
            return isHeld ? .released : nil
        }
        nextAttempt = usage.walBytes + (4_000 << 10)
        guard !isHeld, usage.walBytes >= alarmBytes else { return nil }
        isHeld = true
        return .held
    }
}
