/// A place in the WAL that a checkpoint does not go beyond: where a read transaction began. SQLite moves no page that a
/// reader's snapshot does not have yet (https://www.sqlite.org/wal.html#checkpointing), which bounds what it moves at once.
struct WALMark: ~Copyable {
    private var database: Database?

    /// Bytes that were in the WAL at this place; nil while there is no mark.
    private(set) var bytes: Int?

    /// - Parameter database: a connection that nobody else reads from.
    init(_ database: consuming Database) {
        self.database = consume database
    }

    /// Sets it to where the WAL ends: behind this many bytes.
    mutating func set(at bytes: Int) {
        clear()
        do throws(SQLiteError) {
            try database?.execute("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")
            self.bytes = bytes
        } catch {
            // Without a mark all is moved at once, as late as it must.
            clear()
        }
    }

    mutating func clear() {
        database?.rollBack()
        bytes = nil
    }

    mutating func close() {
        bytes = nil
        database = nil
    }
}
