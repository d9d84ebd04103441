/// Which endpoint is used: the first of the list that did not fail lately.
///
/// One that failed rests, longer each time, and is preferred again afterwards.
struct EndpointSelector {
    private struct Rest {
        var failures: Int
        var end: ContinuousClock.Instant
    }

    private static let shortestRest = Duration.seconds(1)
    private static let longestRest = Duration.seconds(60)

    let endpoints: [Endpoint]
    private var rests: [Endpoint: Rest] = [:]

    init(_ endpoints: [Endpoint]) {
        self.endpoints = endpoints
    }

    /// Whether one does not rest.
    func hasAwake(now: ContinuousClock.Instant) -> Bool {
        endpoints.contains { isAwake($0, now) }
    }

    /// Those to try, in this order. When all rest, the one whose rest ends first: there is nothing better to do.
    func candidates(now: ContinuousClock.Instant) -> [Endpoint] {
        let awake = endpoints.filter { isAwake($0, now) }
        if !awake.isEmpty { return awake }
        let next = endpoints.min { (rests[$0]?.end ?? now) < (rests[$1]?.end ?? now) }
        return next.map { [$0] } ?? []
    }

    private func isAwake(_ endpoint: Endpoint, _ now: ContinuousClock.Instant) -> Bool {
        rests[endpoint].map { $0.end <= now } ?? true
    }

    mutating func recordSuccess(_ endpoint: Endpoint) {
        rests[endpoint] = nil
    }

    mutating func recordFailure(_ endpoint: Endpoint, now: ContinuousClock.Instant, retryAfter: Duration?) {
        let failures = (rests[endpoint]?.failures ?? 0) + 1
        let rest = min(Self.longestRest, Self.shortestRest * (1 << min(failures - 1, 10)))
        rests[endpoint] = Rest(failures: failures, end: now + max(rest, retryAfter ?? .zero))
    }
}
