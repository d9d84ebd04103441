import ClickHouseHTTP
import ClickHouseWriter

/// Takes every batch at once, or is down.
package struct InstantSink: BatchSink {
    package let destination: DestinationProfile?
    private let onInsert: @Sendable () -> Void

    private static let failure = InsertFailure(kind: .transient, message: "down", mayHaveBeenStored: false)

    /// - Parameter onInsert: called for each batch before it is taken.
    package init(onInsert: @escaping @Sendable () -> Void = {}) {
        destination = DestinationProfile(version: "26.9", guarantee: .token(limit: nil), canReconcile: false)
        self.onInsert = onInsert
    }

    private init(isDown: Void) {
        destination = nil
        onInsert = {}
    }

    package static let down = InstantSink(isDown: ())

    package func preflight() async -> Result<DestinationProfile, InsertFailure> {
        destination.map { .success($0) } ?? .failure(Self.failure)
    }

    package func insert(_ rows: [UInt8], token: String) async -> InsertOutcome {
        if destination == nil { return .failed(Self.failure) }
        onInsert()
        return .accepted
    }

    package func countStored(
        _ keys: Set<RowKey>,
        token: String,
        doubtAge: Duration?
    ) async -> Result<[RowKey: Int], InsertFailure> {
        .success([:])
    }

    package func close() async {}
}
