package import ClickHouseHTTP
internal import ClickHouseWriter
internal import Synchronization

/// A ClickHouse table in memory, for testing code that writes to a `BatchWriter`: no server, no
/// network, no waiting.
///
/// ```swift
/// let destination = InMemoryDestination()
/// let writer = try destination.makeWriter(for: Visit.self)
/// try await writer.write(Visit(url: "/", status: 200))
/// try await writer.flush()
/// #expect(destination.rows == [#"{"url":"/","status":200}"#])
/// await writer.close()
/// ```
///
/// The writer is the real one, with a real spool, so a test sees what production sees: batches, retries under the same
/// token, dead letters, records that wait. The table recognises a batch that is sent again, as a `ReplicatedMergeTree` does.
public final class InMemoryDestination: Sendable {
    /// What happens to a batch that is sent.
    public enum Condition: Sendable, Equatable {
        /// It is stored.
        case accepting
        /// It cannot be sent: connections are refused, as while ClickHouse restarts. `flush` throws
        /// `notDelivered`, and the records wait in the spool.
        case down
        /// It is stored, and the answer is lost, as when a connection breaks. The writer cannot know, and sends it again;
        /// the table recognises it then.
        case silent
        /// Nothing is stored, for a reason that somebody has to mend, such as a missing table. The writer holds all
        /// records.
        case refusing(reason: String)
    }

    fileprivate struct State {
        var condition = Condition.accepting
        var refusesRecord: @Sendable (String) -> Bool = { _ in false }
        var rows: [String] = []
        var tokens: Set<String> = []
        var duplicates = 0
        var requests = 0
    }

    fileprivate let state = Mutex(State())

    /// Where spools are that were given no path; removed with this.
    let directory = SpoolDirectory()

    /// An empty table that accepts everything.
    public init() {}

    /// What happens to batches from now on. ``Condition/accepting`` at first.
    public var condition: Condition {
        get { state.withLock(\.condition) }
        set { state.withLock { $0.condition = newValue } }
    }

    /// The stored rows, in the order in which they came, each a JSON object as the record type wrote it.
    public var rows: [String] { state.withLock(\.rows) }

    /// Batches that were sent again after they had been stored, and that the table recognised and dropped.
    public var duplicates: Int { state.withLock(\.duplicates) }

    /// Batches that arrived, whatever became of them. Those sent while this was ``Condition/down`` did not.
    public var requests: Int { state.withLock(\.requests) }

    /// Refuses from now on the rows of which `predicate` is true, as ClickHouse refuses a value that its column cannot hold.
    ///
    /// The writer sets such a record aside as a dead letter, once another one shows that the table is fine: as long as all
    /// records of a test are refused, they are held.
    ///
    /// - Parameter predicate: is given the row's JSON.
    public func refuseRecords(where predicate: @escaping @Sendable (String) -> Bool) {
        state.withLock { $0.refusesRecord = predicate }
    }
}

extension InMemoryDestination: BatchSink {
    /// As of a table that knows tokens.
    package var destination: DestinationProfile? {
        DestinationProfile(version: "in memory", guarantee: .token(limit: nil), canReconcile: false)
    }

    package func preflight() async -> Result<DestinationProfile, InsertFailure> {
        switch (condition, destination) {
        case (.accepting, let destination?), (.silent, let destination?): .success(destination)
        case (.refusing(let reason), _): .failure(.refusing(reason))
        default: .failure(.down)
        }
    }

    package func insert(_ rows: [UInt8], token: String) async -> InsertOutcome {
        let lines = String(decoding: rows, as: UTF8.self).split(separator: "\n").map(String.init)
        return state.withLock { $0.insert(lines, token: token) }
    }

    /// Never asked: ``destination`` says that it cannot be.
    package func countStored(
        _ keys: Set<RowKey>,
        token: String,
        doubtAge: Duration?
    ) async -> Result<[RowKey: Int], InsertFailure> {
        .failure(.down)
    }

    /// Other writers may go on, and the next one of the same spool.
    package func close() async {}
}

extension InMemoryDestination.State {
    fileprivate mutating func insert(_ lines: [String], token: String) -> InsertOutcome {
        if condition == .down { return .failed(.down) }
        requests += 1
        if case .refusing(let reason) = condition { return .failed(.refusing(reason)) }
        if tokens.contains(token) {
            duplicates += 1
        } else {
            if let index = lines.firstIndex(where: refusesRecord) { return .failed(.refusedRow(index + 1)) }
            tokens.insert(token)
            rows += lines
        }
        return condition == .silent ? .failed(.lostAnswer) : .accepted
    }
}

extension InsertFailure {
    fileprivate static let down = InsertFailure(
        kind: .transient,
        message: "the in-memory destination is down",
        isOurWords: true,
        mayHaveBeenStored: false
    )

    fileprivate static let lostAnswer = InsertFailure(
        kind: .outcomeUnknown,
        message: "the in-memory destination is silent",
        isOurWords: true
    )

    fileprivate static func refusing(_ reason: String) -> InsertFailure {
        InsertFailure(kind: .destination, message: reason, mayHaveBeenStored: false)
    }

    /// With ClickHouse's code and hint for a row that it cannot parse.
    fileprivate static func refusedRow(_ row: Int) -> InsertFailure {
        InsertFailure(
            kind: .data,
            code: 27,
            message: "the in-memory destination refuses it (at row \(row))",
            badRow: row,
            mayHaveBeenStored: false
        )
    }
}
