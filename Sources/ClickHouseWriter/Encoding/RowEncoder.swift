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

    private init(_ columns: ColumnNames, in memory: UnsafeMutableBufferPointer<UInt8>) {
        self.columns = columns
        text = unsafe JSONText(in: memory)
        text.append(UInt8(ascii: "{"))
    }

    /// The row that `write` writes, without a newline. It is written where it stays: no byte is copied unless the row is much
    /// longer than usual.
    ///
    /// - Throws: what `write` throws, or ``WriterError/Code/recordNotEncodable`` when a value or a column was wrong.
    package static func encode(
        _ columns: ColumnNames,
        _ write: (inout RowEncoder) throws(WriterError) -> Void
    ) throws(WriterError) -> [UInt8] {
        var elsewhere = Result<[UInt8]?, WriterError>.success(nil)
        // Safe: the encoder is gone when the closure returns, and has initialized what it counts.
        let inPlace = unsafe [UInt8](unsafeUninitializedCapacity: columns.expectedRowSize) { memory, count in
            do throws(WriterError) {
                var row = unsafe RowEncoder(columns, in: memory)
                try write(&row)
                elsewhere = .success(try row.finish(&count))
            } catch {
                elsewhere = .failure(error)
            }
        }
        return try elsewhere.get() ?? inPlace
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

    /// - Parameter count: set to the length of the row that is in place.
    /// - Returns: a row that is elsewhere.
    private consuming func finish(_ count: inout Int) throws(WriterError) -> [UInt8]? {
        if let problem { throw WriterError(.recordNotEncodable, problem) }
        if let whole { return whole }
        guard written == columns.count else {
            throw WriterError(.recordNotEncodable, "\(columns.describe(written)) was not written")
        }
        text.append(UInt8(ascii: "}"))
        guard text.isInPlace else { return text.finish() }
        count = text.count
        return nil
    }

    mutating func replaceAll(with row: Data) {
        whole = Array(row)
    }
}
