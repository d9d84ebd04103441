/// How the delivery goes, kept in the spool for who looks at it from outside.
package struct DeliveryReport: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case fine
        case backingOff = "backing off"
        case held
        case poisoned
    }

    package var state: State

    /// Why it is not fine.
    package var reason: String?

    /// What the destination's table allows to promise; nil until it was asked.
    package var guarantee: String?

    /// Where the records go; nil leaves what the spool says of it.
    package var destination: SpoolDestination?

    package init(
        state: State,
        reason: String? = nil,
        guarantee: String? = nil,
        destination: SpoolDestination? = nil
    ) {
        self.state = state
        self.reason = reason
        self.guarantee = guarantee
        self.destination = destination
    }
}
