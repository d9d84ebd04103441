package import ClickHouseHTTP

/// Where batches go: ClickHouse, or a test's double of it.
package protocol BatchSink: Sendable {
    /// What is known of the destination; nil until it was asked, or when what was known may be wrong by now.
    var destination: DestinationProfile? { get }

    /// Asks the destination what it is, unless that is known.
    func preflight() async -> Result<DestinationProfile, InsertFailure>

    /// Does what can be done for a batch before its turn comes.
    func prepare(_ rows: [UInt8], token: String) async

    func insert(_ rows: [UInt8], token: String) async -> InsertOutcome

    /// How many rows with each key the destination has. Fails while an insert under the token may still be running.
    ///
    /// - Parameter doubtAge: how long ago the first such insert failed; nil when none can be running.
    func countStored(
        _ keys: Set<RowKey>,
        token: String,
        doubtAge: Duration?
    ) async -> Result<[RowKey: Int], InsertFailure>

    /// Reads the files anew that say how TLS is done, and logs what came of it.
    func rereadTLSFiles() async

    func close() async
}

extension BatchSink {
    package func prepare(_ rows: [UInt8], token: String) async {}

    package func rereadTLSFiles() async {}
}

extension InsertClient: BatchSink {}
