/// A batch together with what is sent for it.
package struct FrozenBatch: Sendable {
    package let batch: Batch

    /// The payloads in the order of their ids, one a line.
    package let body: [UInt8]
}
