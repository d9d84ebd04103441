internal import CSQLite
internal import Dispatch
internal import Synchronization

/// A connection whose calls run one after the other, off Swift's cooperative threads, which must not block.
///
/// Each call must end its transaction before it returns: an open one would keep the WAL from being checkpointed.
package final class DatabaseQueue: Sendable {
    private let queue: DispatchQueue
    private let database: Mutex<Database?>

    package init(_ database: consuming sending Database, label: String) {
        queue = DispatchQueue(label: label)
        self.database = Mutex(database)
    }

    package func run<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Database) throws(SQLiteError) -> Value
    ) async throws(SQLiteError) -> Value {
        let result = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.perform(body)) }
        }
        return try result.get()
    }

    /// Closes the connection after the calls that wait, which the calling thread waits for. Later calls fail.
    package func closeNow() {
        queue.sync { database.withLock { $0 = nil } }
    }

    private func perform<Value: Sendable>(
        _ body: (borrowing Database) throws(SQLiteError) -> Value
    ) -> Result<Value, SQLiteError> {
        database.withLock { database in
            do throws(SQLiteError) {
                switch database {
                case .some(let open): return .success(try body(open))
                case .none: throw SQLiteError(code: SQLITE_MISUSE, message: "it is closed", action: "use a connection")
                }
            } catch {
                return .failure(error)
            }
        }
    }
}
