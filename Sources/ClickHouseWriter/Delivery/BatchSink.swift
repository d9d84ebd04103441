internal import ClickHouseHTTP

/// Where batches go: ClickHouse, or a test's double of it.
protocol BatchSink: Sendable {
    func insert(_ rows: [UInt8], token: String) async -> InsertOutcome
    func close() async
}

extension InsertClient: BatchSink {}
