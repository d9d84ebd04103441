public import Foundation

/// A value that a column can hold. Make your own types conform by writing one that does.
public protocol RowValue: SendableMetatype {
    /// Writes the value as JSON, or refuses it.
    func write(to row: inout RowEncoder)
}

extension String: RowValue {
    /// Any text, NUL included.
    public func write(to row: inout RowEncoder) {
        row.text.append(self)
    }
}

extension Bool: RowValue {
    /// `true` or `false`, which a `UInt8` column takes as 1 or 0.
    public func write(to row: inout RowEncoder) {
        row.text.append(json: self ? "true" : "false")
    }
}

extension UInt8: RowValue {}
extension UInt16: RowValue {}
extension UInt32: RowValue {}
extension UInt64: RowValue {}
extension UInt: RowValue {}
extension Int8: RowValue {}
extension Int16: RowValue {}
extension Int32: RowValue {}
extension Int64: RowValue {}
extension Int: RowValue {}

extension RowValue where Self: FixedWidthInteger {
    // Inlined, as is `Optional`'s, so that it is compiled for the type of the value.
    /// The digits. The column must be of the same type or a larger one: ClickHouse wraps what does not fit.
    @inlinable public func write(to row: inout RowEncoder) {
        if let magnitude = UInt64(exactly: magnitude) {
            row.append(magnitude: magnitude, isNegative: self < 0)
        } else {
            // A type of the user's, such as Int128.
            row.append(json: "\(self)")
        }
    }
}

extension Double: RowValue {
    /// The shortest digits that read back as the same value. NaN and the infinities are refused: JSON has none.
    /// A server too old for the setting `precise_float_parsing` may store another last digit.
    public func write(to row: inout RowEncoder) {
        guard isFinite else { return row.refuse("\(self) is not a finite number") }
        row.text.append(json: description)
    }
}

extension Float: RowValue {
    /// As for `Double`.
    public func write(to row: inout RowEncoder) {
        guard isFinite else { return row.refuse("\(self) is not a finite number") }
        row.text.append(json: description)
    }
}

extension UUID: RowValue {
    /// `3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f`
    public func write(to row: inout RowEncoder) {
        row.text.append(self)
    }
}

extension Date: RowValue {
    /// `2026-11-22T16:23:00.123Z`, rounded to the nearest millisecond; refused outside of 1900 to 2299.
    public func write(to row: inout RowEncoder) {
        guard let timestamp = Timestamp(self) else { return row.refuse(Timestamp.rangeDescription) }
        row.text.append(timestamp)
    }
}

extension Optional: RowValue where Wrapped: RowValue {
    /// The value, or `null`.
    @inlinable public func write(to row: inout RowEncoder) {
        switch self {
        case .none: row.append(json: "null")
        case .some(let value): value.write(to: &row)
        }
    }
}

extension Array: RowValue where Element: RowValue {
    /// An `Array` column.
    public func write(to row: inout RowEncoder) {
        row.text.append(UInt8(ascii: "["))
        for (index, element) in enumerated() {
            if index > 0 { row.text.append(UInt8(ascii: ",")) }
            element.write(to: &row)
        }
        row.text.append(UInt8(ascii: "]"))
    }
}
