internal import ClickHouseWriter

extension BatchWriterConfiguration {
    /// Makes a writer's settings those of a recovery.
    ///
    /// - Parameters:
    ///   - batchSize: records.
    ///   - inFlight: batches that are sent at once.
    mutating func prepareForDrain(batchSize: Int, inFlight: Int) {
        // All of the spool is backlog, so batches start as large as asked for. Down to the writer's own size they shrink
        // when ClickHouse finds them too large, and those that were sent are cut.
        maxBatchSize = min(maxBatchSize, batchSize)
        catchUpBatchSize = batchSize
        isCatchingUp = true
        maxInFlight = inFlight
        // Where the records go was decided (``DrainTarget``).
        redirects = true
        // A recovery gives nothing up, whatever the writer's settings in the environment say.
        maxAge = nil
        whenFull = .reject
        // Ending waits for the answer to what is being sent, and close keeps a tenth of this. Whoever cannot wait sends a
        // second signal. No request takes a day, and with more this could be longer than a configuration may say.
        shutdownTimeout = (min(requestTimeout, .seconds(86_400)) + .seconds(5)) * 1.2
    }
}
