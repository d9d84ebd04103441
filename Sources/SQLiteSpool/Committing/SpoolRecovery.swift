/// What becomes of the spool after a failure, and what others are told of its health.
struct SpoolRecovery {
    let file: DatabaseFile
    let configuration: SpoolConfiguration
    let clock: any WallClock
    let lock: SpoolLock
    let published: PublishedLedger
    let onEvent: (SpoolEvent) -> Void

    private(set) var health = SpoolHealth()
    private(set) var nextReopening = ContinuousClock.now

    /// Takes note of what happened, and tells all that are to know: whoever reads, the next owner, and the log.
    mutating func note(_ event: SpoolHealth.Event) {
        let before = health
        health.apply(event)
        if case .failed = event { nextReopening = .now + .milliseconds(configuration.reopenMilliseconds) }
        if health == before { return }
        published.health = health
        lock.record(OwnerNote.State(health))
        onEvent(.health(health))
    }

    var isDue: Bool { health.refusal != nil && nextReopening <= .now }

    /// After a failure nothing is acknowledged until the file was opened anew and verified.
    mutating func reopen(_ connection: inout SpoolConnection) {
        guard health.canReopen else { return }
        do throws(SpoolError) {
            connection = try SpoolError.wrapping {
                var reopened = try SpoolConnection(database: file.reopen(configuration), configuration, clock: clock)
                try reopened.confirm()
                return reopened
            }
            publish(connection)
            note(.reopened)
        } catch {
            note(.failed(error))
        }
    }

    /// - Returns: what the spool held before.
    @discardableResult
    func publish(_ connection: borrowing SpoolConnection) -> SpoolSummary {
        lock.record(connection.ledger)
        return published.replace(with: connection.ledger, connection.usage)
    }
}
