internal import CSQLite

/// A prepared statement, finalised when the value goes away. It must not outlive its connection's thread or lock.
@safe
package struct Statement: ~Copyable {
    /// A value to bind.
    package enum Value: Sendable {
        case integer(Int64)
        case text(String)
        case null

        package static func optional(_ integer: Int64?) -> Value { integer.map { .integer($0) } ?? .null }
        package static func optional(_ text: String?) -> Value { text.map { .text($0) } ?? .null }
    }

    private let handle: OpaquePointer
    private let sql: String

    init(handle: OpaquePointer, sql: String) {
        unsafe self.handle = handle
        self.sql = sql
    }

    deinit {
        unsafe sqlite3_finalize(handle)
    }

    /// Whether nothing was left of the text that it was prepared from.
    func isAll(of sql: String) -> Bool {
        unsafe String(cString: sqlite3_sql(handle)) == sql
    }

    /// Binds, runs to the end and resets.
    package func run(_ values: Value...) throws(SQLiteError) {
        try bind(values)
        try runToEnd()
    }

    /// Binds the integers and then the text, read in place: SQLite needs it only until the statement is reset.
    package func run(_ integers: (Int64, Int64, Int64), text: [UInt8]) throws(SQLiteError) {
        try bind(.integer(integers.0), at: 1)
        try bind(.integer(integers.1), at: 2)
        try bind(.integer(integers.2), at: 3)
        try unsafe text.withUnsafeBufferPointer { (bytes) throws(SQLiteError) in
            let text = unsafe UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            let code = unsafe sqlite3_bind_text(handle, 4, text, Int32(bytes.count), nil)
            guard code == SQLITE_OK else { throw error(code) }
            // Also when it fails: SQLite must not be left with a pointer to what goes away.
            defer { unsafe sqlite3_bind_null(handle, 4) }
            try runToEnd()
        }
    }

    /// Binds all parameters of a query, to be read with `step`.
    package func bind(_ values: [Value]) throws(SQLiteError) {
        for (index, value) in values.enumerated() { try bind(value, at: Int32(index + 1)) }
    }

    /// - Returns: whether there is a row.
    package func step() throws(SQLiteError) -> Bool {
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw error(code)
        }
    }

    /// Makes the statement ready to be bound and run again.
    package func reset() {
        unsafe sqlite3_reset(handle)
    }

    /// The first column of the only row, and resets.
    func readInteger() throws(SQLiteError) -> Int {
        defer { reset() }
        return try step() ? Int(integer(0) ?? 0) : 0
    }

    package func integer(_ column: Int32) -> Int64? {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : sqlite3_column_int64(handle, column)
    }

    /// Whether it was stored as text. In a damaged file a column may hold anything, and is converted when it is read.
    func isText(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(handle, column) == SQLITE_TEXT
    }

    package func text(_ column: Int32) -> String? {
        unsafe sqlite3_column_text(handle, column).map { unsafe String(cString: $0) }
    }

    /// The column's length in bytes when it is text.
    package func byteCount(_ column: Int32) -> Int {
        unsafe Int(sqlite3_column_bytes(handle, column))
    }

    /// Appends the column's text to `bytes`, without a copy in between.
    package func append(_ column: Int32, to bytes: inout [UInt8]) {
        guard let text = unsafe sqlite3_column_text(handle, column) else { return }
        let count = unsafe Int(sqlite3_column_bytes(handle, column))
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text, count: count))
    }

    /// The column's text, without a copy; valid within `body`.
    func withBytes<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let text = unsafe sqlite3_column_text(handle, column)
        return unsafe body(UnsafeRawBufferPointer(start: text, count: byteCount(column)))
    }

    private func runToEnd() throws(SQLiteError) {
        defer { reset() }
        while try step() {}
    }

    private func bind(_ value: Value, at index: Int32) throws(SQLiteError) {
        let code =
            switch value {
            case .null: unsafe sqlite3_bind_null(handle, index)
            case .integer(let integer): unsafe sqlite3_bind_int64(handle, index, integer)
            // -1 is SQLITE_TRANSIENT, a C macro that Swift cannot import: SQLite copies the text.
            case .text(let text):
                unsafe sqlite3_bind_text(
                    handle,
                    index,
                    text,
                    Int32(text.utf8.count),
                    unsafeBitCast(-1, to: sqlite3_destructor_type.self)
                )
            }
        guard code == SQLITE_OK else { throw error(code) }
    }

    private func error(_ code: Int32) -> SQLiteError {
        unsafe SQLiteError(code, sqlite3_db_handle(handle), action: sql)
    }
}
