/// A record's row as one line of JSON, with what tells later whether it is still the same.
struct Payload: Sendable {
    let bytes: [UInt8]
    private let digest: Checksum

    /// Done by the task that appends, so that the commit thread need not.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        digest = unsafe bytes.withUnsafeBytes { unsafe Checksum($0) }
    }

    /// What is stored beside the payload. The id takes part, so that a record which turns up in the place of another one is
    /// found out as well.
    func checksum(id: Int64, enqueuedAt: Int64) -> Int64 { digest.ofRecord(id, enqueuedAt: enqueuedAt) }
}
