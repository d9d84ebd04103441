internal import Foundation

/// A value that becomes one row of a ClickHouse table.
///
/// ```swift
/// struct Visit: ClickHouseRecord {
///     var url: String
///     var status: UInt16
///     var at: Date
///
///     static let columns: [Column] = ["url", "status", "at"]
///
///     func encode(to row: inout RowEncoder) {
///         row.write("url", url)
///         row.write("status", status)
///         row.write("at", at)
///     }
/// }
/// ```
///
/// A type that is `Encodable` needs only ``columns``: its row is then written by Foundation's `JSONEncoder`, which
/// takes about ten times as long.
public protocol ClickHouseRecord: Sendable {
    /// The names of the table's columns that a row fills, in the order in which ``encode(to:)`` writes them.
    /// Columns that are not named get their default from ClickHouse.
    static var columns: [Column] { get }

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
}

extension ClickHouseRecord where Self: Encodable {
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
