import ClickHouseHTTP
@testable import ClickHouseWriter
import Synchronization

/// ClickHouse's double: answers as told, and lets a test wait for what arrives.
final class RecordingSink: BatchSink {
    struct Send: Equatable {
        let token: String
        let rows: [String]
    }

    private struct State {
        var sends: [Send] = []
        var next: [InsertOutcome] = []
        var standing = InsertOutcome.accepted
        var hangs = false
        var watchers: [(count: Int, continuation: CheckedContinuation<[Send], Never>)] = []
        var isClosed = false
    }

    private let state = Mutex(State())

    var sends: [Send] { state.withLock(\.sends) }

    var isClosed: Bool { state.withLock(\.isClosed) }

    /// Answers the next sends, one each, and all others with `standing`.
    func answer(_ next: InsertOutcome..., standing: InsertOutcome = .accepted) {
        state.withLock { state in
            state.next = next
            state.standing = standing
        }
    }

    /// Never answers until the sending task is cancelled.
    func hang() {
        state.withLock { $0.hangs = true }
    }

    /// Returns when so many sends have arrived, or when the test's time is over.
    func waitForSends(_ count: Int) async -> [Send] {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let sends = state.withLock { state -> [Send]? in
                    if state.sends.count >= count || Task.isCancelled { return state.sends }
                    state.watchers.append((count, continuation))
                    return nil
                }
                if let sends { continuation.resume(returning: sends) }
            }
        } onCancel: {
            let (watchers, sends) = state.withLock { state in
                defer { state.watchers = [] }
                return (state.watchers, state.sends)
            }
            for watcher in watchers { watcher.continuation.resume(returning: sends) }
        }
    }

    let destination: DestinationProfile?

    /// As of a table that knows tokens.
    init(retention: Duration? = nil, canReconcile: Bool = false) {
        destination = DestinationProfile(
            version: "26.9",
            guarantee: .token(limit: nil),
            canReconcile: canReconcile,
            retention: retention
        )
    }

    func preflight() async -> Result<DestinationProfile, InsertFailure> {
        destination.map { .success($0) } ?? .failure(InsertFailure(kind: .transient, message: "away"))
    }

    func countStored(
        _ keys: Set<RowKey>,
        token: String,
        doubtAge: Duration?
    ) async -> Result<[RowKey: Int], InsertFailure> {
        .success([:])
    }

    func insert(_ rows: [UInt8], token: String) async -> InsertOutcome {
        let lines = String(decoding: rows, as: UTF8.self).split(separator: "\n").map(String.init)
        let (watchers, sends, outcome) = state.withLock { state in
            state.sends.append(Send(token: token, rows: lines))
            let ready = state.watchers.filter { $0.count <= state.sends.count }
            state.watchers.removeAll { $0.count <= state.sends.count }
            let outcome: InsertOutcome? =
                state.hangs ? nil : state.next.isEmpty ? state.standing : state.next.removeFirst()
            return (ready, state.sends, outcome)
        }
        for watcher in watchers { watcher.continuation.resume(returning: sends) }
        guard let outcome else {
            try? await Task.sleep(for: .seconds(3_600))
            return .failed(InsertFailure(kind: .outcomeUnknown, message: "cancelled"))
        }
        return outcome
    }

    func close() async {
        state.withLock { $0.isClosed = true }
    }
}

extension InsertOutcome {
    static let busy = failed(InsertFailure(kind: .transient, code: 252, message: "too many parts"))
    static let transient = failed(InsertFailure(kind: .transient, code: 241, message: "memory limit"))
    static let data = failed(InsertFailure(kind: .data, code: 27, message: "cannot parse (at row 3)", badRow: 3))
    static let destination = failed(InsertFailure(kind: .destination, code: 60, message: "no such table"))
}
