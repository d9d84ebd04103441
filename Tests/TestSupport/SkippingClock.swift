package import SQLiteSpool
internal import Synchronization

/// A clock on which every wait is over at once, and took its time all the same.
package final class SkippingClock: WallClock {
    private let time: Mutex<WallInstant>

    package init(now: WallInstant = WallInstant(milliseconds: 1_795_000_000_000)) {
        time = Mutex(now)
    }

    package var now: WallInstant { time.withLock { $0 } }

    package var elapsed: Duration { .milliseconds(now.milliseconds) }

    package var minimumResolution: Duration { .milliseconds(1) }

    package func sleep(until deadline: WallInstant, tolerance: Duration?) async throws {
        await Task.yield()
        try Task.checkCancellation()
        time.withLock { $0 = max($0, deadline) }
    }
}
