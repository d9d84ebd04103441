internal import ClickHouseHTTP

/// How a batch is sent again that may be stored already.
struct ResendPolicy: Sendable {
    /// A guarantee by token says that the table holds at least a thousand batches, of all its writers, and for two minutes. More may
    /// come in a longer time.
    private static let trustInTokens = Duration.seconds(60)

    /// Whether the table is asked before the batch is sent again, and only what it lacks is sent. Otherwise the batch is sent
    /// under its token: ClickHouse drops it when it has it, or nothing better can be done.
    ///
    /// - Parameters:
    ///   - destination: nil when it was not asked yet.
    ///   - age: since the batch was frozen; it was not sent before.
    static func mustAsk(_ destination: DestinationProfile?, age: Duration) -> Bool {
        guard let destination, destination.canReconcile else { return false }
        guard case .token = destination.guarantee else { return true }
        return !(.zero..<trustInTokens).contains(age)
    }
}
