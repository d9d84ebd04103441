internal import Foundation

/// A value that becomes one row of a ClickHouse table.
///
/// ```swift
/// struct Visit: ClickHouseRecord {
///     var url: String
///     var status: UInt16
///     var at: Date
///
///     static let columns: [Column<Visit>] = [
///         Column("url", \.url),
///         Column("status", \.status),
///         Column("at", \.at),
///     ]
/// }
/// ```
///
/// What ``columns`` is an array of decides who writes the row:
///
/// | ``columns`` | the row is written by |
/// |---|---|
/// | `[Column<Visit>]` | the columns, each with its own value |
/// | `[ColumnName]` | the type's own ``encode(to:)`` or, when it has none and is `Encodable`, Foundation's `JSONEncoder`, which takes about ten times as long |
///
/// A type with names alone that is neither does not compile. An ``encode(to:)`` of the type's own is always the one used.
public protocol ClickHouseRecord: Sendable {
    /// ``Column`` where the columns know their values, ``ColumnName`` where they do not. Known from ``columns``.
    associatedtype RecordColumn: TableColumn

    /// The table's columns that a row fills, each once, in the order in which they are written.
    /// Columns that are not named get their default from ClickHouse.
    static var columns: [RecordColumn] { get }

    /// The columns that tell a record from all others. nil, the default, when there are none: then a batch that may have
    /// been stored is sent again, which stores it twice where the table does not recognise it.
    static var identity: RecordIdentity? { get }

    /// Writes every column of ``columns``, in that order.
    ///
    /// What it throws, ``BatchWriter/write(_:)`` throws as ``WriterError/Code/recordNotEncodable``.
    func encode(to row: inout RowEncoder) throws
}

extension ClickHouseRecord {
    /// None.
    public static var identity: RecordIdentity? { nil }

    /// The columns without what they know of the record.
    package static var columnNames: [ColumnName] { columns.map { ColumnName($0.name, $0.type) } }

    /// Its row, one line of JSON without the newline.
    ///
    /// - Parameter columns: those of ``columnNames``.
    /// - Throws: ``WriterError`` with code `recordNotEncodable`.
    package func row(_ columns: ColumnNames) throws(WriterError) -> [UInt8] {
        try RowEncoder.encode(columns) { row throws(WriterError) in
            do {
                try encode(to: &row)
            } catch {
                throw WriterError(
                    .recordNotEncodable,
                    "the record cannot be encoded: \(error.withoutValue)",
                    cause: error
                )
            }
        }
    }
}

extension Error {
    /// An encoder's error repeats the value, which may be long, or a secret.
    fileprivate var withoutValue: String {
        guard case .invalidValue(_, let context) = self as? EncodingError else { return "\(self)" }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    }
}

extension ClickHouseRecord where RecordColumn == Column<Self> {
    // Inlined, as is `Column.init`, and so compiled for the record type: as fast as a hand-written one. Without that it
    // takes half as long again.
    /// Writes each column's value of this record.
    @inlinable public func encode(to row: inout RowEncoder) {
        let columns = Self.columns
        for index in columns.indices {
            row.begin(index)
            columns[index].write(self, &row)
            guard row.end(index) else { return }
        }
    }
}

extension ClickHouseRecord where Self: Encodable, RecordColumn == ColumnName {
    /// Writes the row with Foundation's `JSONEncoder`: dates as `2026-11-22T16:23:00.123Z`, keys as the type's
    /// `CodingKeys` name them. A key that is no column is refused by ClickHouse, which holds the queue.
    public func encode(to row: inout RowEncoder) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var value = encoder.singleValueContainer()
            guard let timestamp = Timestamp(date) else {
                throw EncodingError.invalidValue(
                    date,
                    EncodingError.Context(codingPath: encoder.codingPath, debugDescription: Timestamp.rangeDescription)
                )
            }
            try value.encode(timestamp.description)
        }
        row.replaceAll(with: try encoder.encode(self))
    }
}
