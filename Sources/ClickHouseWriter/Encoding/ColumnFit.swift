internal import Foundation

/// Whether a column of ClickHouse's can hold every value of a Swift type.
///
/// ClickHouse's JSON parser refuses only a part of what does not fit: 400 into a `UInt8` becomes 144, and null becomes the
/// column's default. What it does refuse (a negative number for a `UInt32`, a number too large for a `Decimal`) is no loss.
enum ColumnFit {
    enum Loss: String {
        case null = "nil becomes the column's default"
        case wrapping = "large numbers wrap"
        case digits = "digits are lost"
        case time = "every time is refused"
        case fractions = "fractions of a second are cut"
        case seconds = """
            fractions of a second are cut, and a time before 1970 or after 2106-02-07 is refused, or stored as another one by \
            servers without date_time_overflow_behavior
            """

        /// Whether records are delivered nevertheless: servers before 20 have no column for fractions of a second.
        var isHarmless: Bool { self == .fractions || self == .seconds }
    }

    /// - Parameters:
    ///   - types: ClickHouse's type of each column.
    ///   - allowed: the columns that may lose values.
    /// - Returns: one sentence for each column that does not store what is written: those that hold the delivery, and
    ///   those that the log warns of.
    static func losses(
        _ columns: [ColumnName],
        in types: [String: String],
        allowed: [String]
    ) -> (holding: [String], tolerated: [String]) {
        var losses: (holding: [String], tolerated: [String]) = ([], [])
        for column in columns {
            guard let value = column.type, let type = types[column.name], let loss = loss(of: value, in: type) else {
                continue
            }
            let sentence = "\(column.name) is \(type), and \(value) is written: \(loss.rawValue)"
            if loss.isHarmless || allowed.contains(column.name) {
                losses.tolerated.append(sentence)
            } else {
                losses.holding.append(sentence)
            }
        }
        return losses
    }

    /// - Returns: why no record may be stored in columns of these types, and what to do; nil when they may.
    static func problem(of columns: [ColumnName], in types: [String: String], allowed: [String]) -> String? {
        let losses = losses(columns, in: types, allowed: allowed).holding
        if losses.isEmpty { return nil }
        return """
            would store other values: \(losses.joined(separator: "; ")). Change the columns with ALTER TABLE … MODIFY COLUMN, or \
            accept the loss: name them in CLICKHOUSE_LOSSY_COLUMNS
            """
    }

    /// - Parameter column: the type as `system.columns` gives it, for example `LowCardinality(Nullable(String))`.
    /// - Returns: what may be lost, nil when nothing is or when the types are not known here.
    static func loss(of value: any RowValue.Type, in column: String) -> Loss? {
        var type = column
        // Its first argument is a function.
        if let inner = argument(of: "SimpleAggregateFunction", in: type)?.split(separator: ", ", maxSplits: 1).last {
            type = String(inner)
        }
        type = argument(of: "LowCardinality", in: type) ?? type
        if let container = value as? any RowValueContainer.Type {
            if let inner = argument(of: container.columnType, in: type) {
                return loss(of: container.element, in: inner)
            }
            let takesNull = type == "Dynamic" || type.hasPrefix("Variant(")
            return container.columnType == "Nullable" && !takesNull ? .null : nil
        }
        type = argument(of: "Nullable", in: type) ?? type
        switch value {
        case let integer as any FixedWidthInteger.Type: return integerLoss(integer, in: type)
        case let float as any BinaryFloatingPoint.Type: return floatLoss(float.significandBitCount + 1, in: type)
        case is Date.Type: return timeLoss(in: type)
        default: return nil
        }
    }

    /// How many bits of a number each floating type keeps.
    private static let significandBits = ["BFloat16": 8, "Float32": 24, "Float64": 53]

    private static func integerLoss(_ value: any FixedWidthInteger.Type, in column: String) -> Loss? {
        let bits = value.isSigned ? value.bitWidth - 1 : value.bitWidth
        if let significand = significandBits[column] { return bits > significand ? .digits : nil }
        let isUnsigned = column.hasPrefix("UInt")
        guard isUnsigned || column.hasPrefix("Int"), let width = Int(column.drop { !$0.isNumber }) else { return nil }
        return bits > (isUnsigned ? width : width - 1) ? .wrapping : nil
    }

    private static func floatLoss(_ bits: Int, in column: String) -> Loss? {
        if let significand = significandBits[column] { return bits > significand ? .digits : nil }
        return column.hasPrefix("Decimal") ? .digits : nil
    }

    private static func timeLoss(in column: String) -> Loss? {
        if column.hasPrefix("DateTime64") {
            let digits = Int(column.dropFirst("DateTime64(".count).prefix { $0.isNumber }) ?? 3
            return digits < 3 ? .fractions : nil
        }
        if column.hasPrefix("DateTime") { return .seconds }
        return column.hasPrefix("Date") || column.hasPrefix("Time") ? .time : nil
    }

    private static func argument(of name: String, in type: String) -> String? {
        guard type.hasPrefix(name + "("), type.hasSuffix(")") else { return nil }
        return String(type.dropFirst(name.count + 1).dropLast())
    }
}

/// Tells the type of an optional or an array apart, whatever it has inside.
protocol RowValueContainer {
    static var element: any RowValue.Type { get }

    /// ClickHouse's.
    static var columnType: String { get }
}

extension Optional: RowValueContainer where Wrapped: RowValue {
    static var element: any RowValue.Type { Wrapped.self }
    static var columnType: String { "Nullable" }
}

extension Array: RowValueContainer where Element: RowValue {
    static var element: any RowValue.Type { Element.self }
    static var columnType: String { "Array" }
}
