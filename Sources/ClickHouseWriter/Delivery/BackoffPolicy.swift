/// How long to wait after a failure: exponential backoff with full jitter
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
struct BackoffPolicy: Sendable {
    let minDelay: Duration
    let maxDelay: Duration

    /// - Parameters:
    ///   - failures: failures in a row, the latest included; at least 1.
    ///   - retryAfter: what the server asked for; never undercut.
    ///   - random: from 0 up to, not including, 1.
    func delay(failures: Int, retryAfter: Duration?, random: Double) -> Duration {
        // 2^30 times any delay of at least a millisecond is past every sensible maximum, and cannot overflow.
        let ceiling = min(maxDelay, minDelay * (1 << min(max(failures, 1) - 1, 30)))
        return max(ceiling * random, retryAfter ?? .zero)
    }
}
