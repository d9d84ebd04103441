internal import ClickHouseHTTP

/// How a batch is sent again that may be stored already.
struct ResendPolicy: Sendable {
    enum Decision: Equatable {
        /// Under its token: ClickHouse drops it when it has it, or nothing better can be done.
        case sameToken
        /// Only what is not stored, after asking.
        case reconcile
    }

    /// A table remembers so many batches, of all its writers: ten thousand by default, which a hundred of them send in
    /// minutes. And for so long: an hour by default.
    private static let trustInTokens = Duration.seconds(60)

    /// - Parameters:
    ///   - destination: nil when it was not asked yet.
    ///   - age: since the batch was frozen; it was not sent before.
    static func decide(_ destination: DestinationProfile?, age: Duration) -> Decision {
        guard let destination, destination.canReconcile else { return .sameToken }
        switch destination.guarantee {
        case .token: return (.zero..<trustInTokens).contains(age) ? .sameToken : .reconcile
        case .reconciliation, .atLeastOnce: return .reconcile
        }
    }
}
