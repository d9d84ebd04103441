internal import Dispatch
internal import Synchronization

/// A connection of its own for reading, so that reading never waits for a commit nor a commit for reading.
///
/// Reads run one after the other on a queue of their own, off Swift's cooperative threads, and end their transaction
/// before they return: an open one would keep the WAL from being checkpointed.
final class SpoolReader: Sendable {
    private let queue = DispatchQueue(label: "clickhouse-spool-reader")
    private let database: Mutex<Database?>

    init(path: String) throws(SQLiteError) {
        let opened = try Database(path: path, access: .readOnly)
        opened.setBusyTimeout(milliseconds: 5_000)
        database = Mutex(opened)
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Database) throws(SQLiteError) -> Value
    ) async throws(SpoolError) -> Value {
        let result = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.run(body)) }
        }
        return try result.get()
    }

    /// Waits for what runs and closes the connection.
    func close() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.database.withLock { $0 = nil }
                continuation.resume()
            }
        }
    }

    private func run<Value: Sendable>(
        _ body: (borrowing Database) throws(SQLiteError) -> Value
    ) -> Result<Value, SpoolError> {
        database.withLock { database in
            guard database != nil else { return .failure(SpoolError(.closed, "the spool is closed")) }
            do throws(SQLiteError) {
                return .success(try body(database!))
            } catch {
                return .failure(SpoolError(.failed, "the spool cannot be read", cause: error))
            }
        }
    }
}
