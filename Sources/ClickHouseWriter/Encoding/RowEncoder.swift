internal import Foundation

/// Writes one row as one line of JSON, column by column.
///
/// A value is written exactly or not at all: typed fields make it impossible to send ClickHouse a number that it would
/// wrap, and what JSON or the column's range cannot hold is refused.
public struct RowEncoder: ~Copyable {
    /// For the values' own writing.
    var text: JSONText

    /// A row that was written elsewhere.
    private var whole: [UInt8]?

    private let columns: ColumnNames
    private var written = 0
    private var problem: String?

    package init(columns: ColumnNames) {
        self.columns = columns
        text = JSONText(capacity: columns.expectedRowSize)
        text.append(UInt8(ascii: "{"))
    }

    /// Writes the next column.
    ///
    /// - Parameters:
    ///   - name: the column's name; it must be the next one of the record type's ``ClickHouseRecord/columns``.
    ///   - value: nil is written as `null`, which ClickHouse stores as such in a `Nullable` column only.
    public mutating func write<Value: RowValue>(_ name: StaticString, _ value: Value) {
        guard problem == nil else { return }
        guard columns.isName(name, at: written) else {
            return refuse("column \(written + 1) is \"\(name)\", not \(columns.describe(written))")
        }
        columns.appendKey(written, to: &text)
        value.write(to: &self)
        if problem != nil { problem = problem.map { "column \"\(name)\": \($0)" } }
        written += 1
    }

    @usableFromInline mutating func append(magnitude: UInt64, isNegative: Bool) {
        text.append(magnitude: magnitude, isNegative: isNegative)
    }

    /// Appends text that is JSON as it is.
    @usableFromInline mutating func append(json: String) {
        text.append(json: json)
    }

    /// Starts the column of this index; its value comes next.
    @usableFromInline mutating func begin(_ index: Int) {
        columns.appendKey(index, to: &text)
    }

    /// - Returns: whether the value was written.
    @usableFromInline mutating func end(_ index: Int) -> Bool {
        if let reason = problem {
            problem = "column \(columns.describe(index)): \(reason)"
            return false
        }
        written += 1
        return true
    }

    /// Says that the value cannot be stored exactly; the record is refused with this reason.
    public mutating func refuse(_ reason: String) {
        problem = problem ?? reason
    }

    /// The row, without a newline.
    ///
    /// - Throws: ``WriterError/Code/recordNotEncodable`` when a value or a column was wrong.
    package consuming func finish() throws(WriterError) -> [UInt8] {
        if let problem { throw WriterError(.recordNotEncodable, problem) }
        if let whole { return whole }
        guard written == columns.count else {
            throw WriterError(.recordNotEncodable, "\(columns.describe(written)) was not written")
        }
        text.append(UInt8(ascii: "}"))
        return text.finish()
    }

    mutating func replaceAll(with row: Data) {
        whole = Array(row)
    }
}
