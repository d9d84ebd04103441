internal import Foundation

/// Whether a column of ClickHouse's can hold every value of a Swift type.
///
/// ClickHouse's JSON parser does not refuse what does not fit: 70000 into a `UInt16` becomes 4464, and null becomes the
/// type's default.
enum ColumnFit {
    /// - Parameter types: ClickHouse's type of each column.
    /// - Returns: one sentence for each column that is too small.
    static func losses(_ columns: [ColumnName], in types: [String: String]) -> [String] {
        columns.compactMap { column in
            guard let value = column.type, let type = types[column.name], let loss = loss(of: value, in: type) else {
                return nil
            }
            return "\(column.name) is \(type), and \(value) is written: \(loss)"
        }
    }

    /// - Parameter column: the type as `system.columns` gives it, for example `LowCardinality(Nullable(String))`.
    /// - Returns: what may be lost, nil when nothing is or when the types are not known here.
    static func loss(of value: any RowValue.Type, in column: String) -> String? {
        var type = column
        if let inner = argument(of: "LowCardinality", in: type) { type = inner }
        var takesNull = false
        if let inner = argument(of: "Nullable", in: type) { (type, takesNull) = (inner, true) }
        if let optional = value as? any OptionalRowValue.Type {
            return takesNull ? loss(of: optional.wrapped, in: type) : "nil becomes the type's default"
        }
        switch value {
        case let integer as any FixedWidthInteger.Type: return integerLoss(integer, in: type)
        case is Double.Type where type == "Float32": return "digits are lost"
        case is Date.Type: return dateLoss(in: type)
        default: return nil
        }
    }

    private static func integerLoss(_ value: any FixedWidthInteger.Type, in column: String) -> String? {
        if column.hasPrefix("Float") {
            return value.bitWidth > (column == "Float32" ? 16 : 32) ? "large numbers lose digits" : nil
        }
        let isUnsigned = column.hasPrefix("UInt")
        guard isUnsigned || column.hasPrefix("Int"), let bits = Int(column.drop { !$0.isNumber }) else { return nil }
        if isUnsigned, value.isSigned { return "negative numbers are refused, large ones wrap" }
        let needed = value.isSigned || isUnsigned ? value.bitWidth : value.bitWidth + 1
        return bits < needed ? "large numbers wrap" : nil
    }

    private static func dateLoss(in column: String) -> String? {
        if column.hasPrefix("DateTime64") {
            let digits = Int(column.dropFirst("DateTime64(".count).prefix { $0.isNumber }) ?? 3
            return digits < 3 ? "fractions of a second are cut" : nil
        }
        if column.hasPrefix("DateTime") { return "fractions of a second are cut" }
        return column.hasPrefix("Date") ? "the time of day is cut" : nil
    }

    private static func argument(of name: String, in type: String) -> String? {
        guard type.hasPrefix(name + "("), type.hasSuffix(")") else { return nil }
        return String(type.dropFirst(name.count + 1).dropLast())
    }
}

/// Tells an optional's type apart, whatever it wraps.
protocol OptionalRowValue {
    static var wrapped: any RowValue.Type { get }
}

extension Optional: OptionalRowValue where Wrapped: RowValue {
    static var wrapped: any RowValue.Type { Wrapped.self }
}
