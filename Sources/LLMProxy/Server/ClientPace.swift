internal import NIOCore

/// How fast bytes move, a window of time after the other.
struct ClientPace {
    private let window: TimeAmount
    private var windowEnd: NIODeadline
    private var bytes = 0
    private var isExcused = false

    init(window: TimeAmount, start: NIODeadline) {
        self.window = window
        windowEnd = start + window
    }

    mutating func add(_ count: Int) { bytes += count }

    /// The proxy itself did not move any: this window says nothing of the client.
    mutating func excuse() { isExcused = true }

    /// To be asked every now and then.
    ///
    /// - Parameter minRate: in bytes a second.
    /// - Returns: whether a window has ended in which fewer bytes moved.
    mutating func isTooSlow(at now: NIODeadline, minRate: Int) -> Bool {
        guard now >= windowEnd else { return false }
        let (wanted, isTooMuch) = Int64(minRate).multipliedReportingOverflow(by: window.nanoseconds)
        let isSlow = isTooMuch || Int64(bytes) < wanted / 1_000_000_000
        defer {
            windowEnd = now + window
            bytes = 0
            isExcused = false
        }
        return isSlow && !isExcused
    }
}
