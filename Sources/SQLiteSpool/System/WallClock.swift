internal import Glibc

/// A point in time as the spool stores it: whole milliseconds since 1970-01-01 UTC.
package struct WallInstant: InstantProtocol, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// A time from a file: before 1970 or after 9999, which no clock says, it is the nearest that one does.
    init(stored milliseconds: Int64) {
        self.init(milliseconds: min(max(0, milliseconds), 253_402_300_799_999))
    }

    package func advanced(by duration: Duration) -> WallInstant {
        WallInstant(milliseconds: milliseconds + duration.wholeMilliseconds)
    }

    package func duration(to other: WallInstant) -> Duration {
        .milliseconds(other.milliseconds - milliseconds)
    }

    package static func < (a: WallInstant, b: WallInstant) -> Bool { a.milliseconds < b.milliseconds }
}

extension Duration {
    /// The duration in milliseconds, its remainder cut off.
    package var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }

    /// The duration in seconds.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

/// Tells the time and waits. Records carry the wall time at which they were enqueued, because their age must survive
/// a restart; so everything that compares with it uses the same clock, which tests replace.
package protocol WallClock: Clock where Duration == Swift.Duration, Instant == WallInstant {
    /// Time that has passed since a moment in the past, also while the machine slept. Setting the clock does not change it.
    var elapsed: Duration { get }
}

/// The machine's clock. Waits are measured by the continuous clock, so setting the time does not stretch them.
package struct SystemWallClock: WallClock {
    package init() {}

    package var now: WallInstant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallInstant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package var elapsed: Duration {
        var time = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    package var minimumResolution: Duration { .milliseconds(1) }

    package func sleep(until deadline: WallInstant, tolerance: Duration?) async throws {
        try await Task.sleep(for: now.duration(to: deadline), tolerance: tolerance, clock: .continuous)
    }
}
