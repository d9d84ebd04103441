/// The field that each row begins with, to be left out for a table that lacks its column.
struct FirstField {
    private let start: [UInt8]

    /// - Parameter name: of the column, which JSON writes without escapes.
    init(_ name: String) {
        start = Array("{\"\(name)\":".utf8)
    }

    /// - Parameter rows: JSON lines, each closed by a newline. Those that begin with another field stay as they are.
    func removed(from rows: [UInt8]) -> [UInt8] {
        var rest: [UInt8] = []
        rest.reserveCapacity(rows.count)
        for row in rows.split(separator: UInt8(ascii: "\n")) {
            if row.starts(with: start), let comma = Self.endOfValue(row.dropFirst(start.count)) {
                rest.append(UInt8(ascii: "{"))
                rest += row[(comma + 1)...]
            } else {
                rest += row
            }
            rest.append(UInt8(ascii: "\n"))
        }
        return rest
    }

    /// The comma behind a string, a number or a literal; nil when there is none.
    private static func endOfValue(_ text: ArraySlice<UInt8>) -> Int? {
        var isInString = false
        var isEscaped = false
        return text.firstIndex { byte in
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString.toggle()
            }
            return byte == UInt8(ascii: ",") && !isInString
        }
    }
}
