internal import ClickHouseHTTP

/// How a batch is sent again that may be stored already.
struct ResendPolicy: Sendable {
    enum Decision: Equatable {
        /// Under its token: ClickHouse drops it when it has it, or nothing better can be done.
        case sameToken
        /// Only what is not stored, after asking.
        case reconcile
    }

    /// - Parameters:
    ///   - destination: nil when it was not asked yet.
    ///   - age: since the batch was frozen; it was not sent before.
    static func decide(_ destination: DestinationProfile?, age: Duration) -> Decision {
        guard let destination, destination.canReconcile else { return .sameToken }
        switch destination.guarantee {
        // Half of the window: the server's clock and the request take their time.
        case .token(let window): return window.map { age >= $0 / 2 || age < .zero } ?? false ? .reconcile : .sameToken
        case .reconciliation, .atLeastOnce: return .reconcile
        }
    }
}
