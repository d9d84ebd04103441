/// What is said about something that happens again and again: the first time at once, and then a sum a minute.
///
/// A value without a logger or a clock: whoever holds it says what it decides, and asks it now and then for what it
/// keeps back. What begins anew within a minute of having been said is not said again, so that nothing that comes and
/// goes many times a second fills a log.
package struct RepeatBound<Instant: InstantProtocol & Sendable>: Sendable where Instant.Duration == Duration {
    package struct Sum: Sendable, Equatable {
        /// Times since it was last said, times since it began, and how long ago that was.
        package var unsaid, total: Int
        package var lasting: Duration
    }

    package enum Verdict: Sendable, Equatable {
        case first
        /// It was said less than the interval ago: keep it to yourself.
        case keptBack
        case sum(Sum)
    }

    /// What has an end of its own, and what does not.
    package enum Kind: Sendable {
        /// It goes on until ``RepeatBound/end(now:)``, like an outage.
        case lasting
        /// It happens, and is over when it has not happened again for the interval, like a dropped record.
        case momentary
    }

    private let kind: Kind
    private let interval: Duration
    private var beganAt, saidAt: Instant?
    private var (unsaid, total) = (0, 0)
    /// Whether anything was said since it began.
    private var isKnown = false

    package init(_ kind: Kind, interval: Duration = .seconds(60)) {
        self.kind = kind
        self.interval = interval
    }

    /// - Parameter count: so many times at once.
    package mutating func note(_ count: Int = 1, now: Instant) -> Verdict {
        if kind == .momentary, unsaid == 0, isDue(now) { forget() }
        if beganAt == nil {
            beganAt = now
            if isDue(now) {
                total = count
                saidAt = now
                isKnown = true
                return .first
            }
        }
        total += count
        unsaid += count
        return takeDue(now: now).map { .sum($0) } ?? .keptBack
    }

    /// - Returns: what was kept back, when it is time to say it; nil when there is nothing or it is too early.
    package mutating func takeDue(now: Instant) -> Sum? {
        isDue(now) ? take(now) : nil
    }

    /// - Returns: what has happened until now that it is over, to be said; nil when nothing was said of it before.
    package mutating func end(now: Instant) -> Sum? {
        defer { forget() }
        return isKnown ? sum(now) : nil
    }

    /// - Returns: what was kept back and must be said now, for nothing more will happen; nil when nothing was.
    package mutating func close(now: Instant) -> Sum? {
        defer { forget() }
        return take(now)
    }

    private mutating func take(_ now: Instant) -> Sum? {
        guard unsaid > 0, let sum = sum(now) else { return nil }
        unsaid = 0
        saidAt = now
        isKnown = true
        return sum
    }

    private func sum(_ now: Instant) -> Sum? {
        beganAt.map { Sum(unsaid: unsaid, total: total, lasting: max(.zero, $0.duration(to: now))) }
    }

    /// A clock that is set back makes it due early rather than late.
    private func isDue(_ now: Instant) -> Bool {
        guard let saidAt else { return true }
        return now < saidAt || saidAt.duration(to: now) >= interval
    }

    private mutating func forget() {
        beganAt = nil
        unsaid = 0
        total = 0
        isKnown = false
    }
}
