/// A frozen batch: a token that stands for exactly these records, for ever.
package struct Batch: Sendable, Equatable {
    /// `<spool uuid>-<first id>-<last id>`: ClickHouse's deduplication token.
    package let token: String
    package let ids: ClosedRange<Int64>

    /// Number of records.
    package let records: Int

    /// Bytes of all payloads, without separators.
    package let payloadBytes: Int

    /// Sends that failed so far.
    package var attempts: Int

    /// Why the latest send failed.
    package var lastError: String?

    init(
        spool uuid: String,
        ids: ClosedRange<Int64>,
        records: Int,
        payloadBytes: Int,
        attempts: Int = 0,
        lastError: String? = nil
    ) {
        self.token = Self.token(spool: uuid, ids: ids)
        self.ids = ids
        self.records = records
        self.payloadBytes = payloadBytes
        self.attempts = attempts
        self.lastError = lastError
    }

    static func token(spool uuid: String, ids: ClosedRange<Int64>) -> String {
        "\(uuid)-\(ids.lowerBound)-\(ids.upperBound)"
    }
}
