/// A column of the table, as a record type names it: a ``Column`` with the value that goes there, or a ``ColumnName``.
public protocol TableColumn: Sendable {
    /// As the table has it. Any name will do; it is quoted.
    var name: String { get }

    /// The type that the record writes; nil when it is not told. Where it is, records are held while the
    /// table's column cannot hold every value of it.
    var type: (any RowValue.Type)? { get }
}

/// A column and the value that a record has for it, one line a column:
///
/// ```swift
/// static let columns: [Column<Visit>] = [
///     Column("url", \.url),
///     Column("status", \.status),
///     Column("seconds") { Double($0.milliseconds) / 1_000 },
/// ]
/// ```
///
/// The value's type is known from it: ``type`` is never nil.
public struct Column<Record>: TableColumn {
    /// As the table has it. Any name will do; it is quoted.
    public let name: String

    /// The type of the value.
    public let type: (any RowValue.Type)?

    @usableFromInline let write: @Sendable (Record, inout RowEncoder) -> Void

    /// A column of the given name, filled with what `value` gives: a key path, or any function of the record.
    @inlinable public init<Value: RowValue>(_ name: String, _ value: @escaping @Sendable (Record) -> Value) {
        self.name = name
        type = Value.self
        write = { record, row in value(record).write(to: &row) }
    }
}

/// A column's name alone, for record types that write their rows themselves or are `Encodable`.
///
/// A literal will do: `static let columns: [ColumnName] = ["url", "status"]`. With the value's type the writer
/// holds records while the table's column cannot hold every value of it: `ColumnName("status", UInt16.self)`.
public struct ColumnName: TableColumn, ExpressibleByStringLiteral {
    /// As the table has it. Any name will do; it is quoted.
    public let name: String

    /// The type that the record writes; nil when it is not told.
    public let type: (any RowValue.Type)?

    /// A column of the given name and, where it is told, the type that is written to it.
    public init(_ name: String, _ type: (any RowValue.Type)? = nil) {
        self.name = name
        self.type = type
    }

    /// A column of the given name.
    public init(stringLiteral name: String) {
        self.init(name)
    }
}
