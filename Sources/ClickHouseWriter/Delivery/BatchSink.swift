package import ClickHouseHTTP

/// Where batches go: ClickHouse, or a test's double of it. Each function does what ``InsertClient``'s does.
package protocol BatchSink: Sendable {
    /// nil until it was asked, or when what was known may be wrong by now.
    var destination: DestinationProfile? { get }

    var passedOver: InsertFailure? { get }

    func preflight() async -> Result<DestinationProfile, InsertFailure>

    /// Does what can be done for a batch before its turn comes.
    func prepare(_ rows: [UInt8], token: String) async

    func insert(_ rows: [UInt8], token: String) async -> InsertOutcome

    func countStored(
        _ keys: Set<RowKey>,
        token: String,
        doubtAge: Duration?
    ) async -> Result<[RowKey: Int], InsertFailure>

    /// Whether the table that has accepted the batch takes questions, and has not yet shown a record that it has accepted.
    func isQuestionUnproven(token: String) -> Bool

    func proveQuestion(by keys: Set<RowKey>, token: String) async

    /// Reads the files anew that say how TLS is done, and logs what came of it.
    func rereadTLSFiles() async

    func close() async
}

extension BatchSink {
    package var passedOver: InsertFailure? { nil }

    package func prepare(_ rows: [UInt8], token: String) async {}

    package func isQuestionUnproven(token: String) -> Bool { false }

    package func proveQuestion(by keys: Set<RowKey>, token: String) async {}

    package func rereadTLSFiles() async {}
}

extension InsertClient: BatchSink {}
