internal import Glibc

/// The columns of a record type, prepared for writing.
package struct ColumnNames: Sendable {
    /// What stands before each value, `,"name":`, one behind the other: a row takes them by their bounds, which is faster
    /// than from an array each.
    private let keys: [UInt8]
    private let keyBounds: [Range<Int>]
    private let names: [String]

    /// The names again, as what they are compared with: each column of each row is.
    private let nameBytes: [[UInt8]]

    /// Room for a row, so that it is allocated once: twice the keys is enough for usual values.
    let expectedRowSize: Int

    package init(_ columns: [ColumnName]) {
        let names = columns.map(\.name)
        self.names = names
        nameBytes = names.map { Array($0.utf8) }
        var keys = JSONText(capacity: names.reduce(0) { $0 + $1.utf8.count + 4 })
        keyBounds = names.enumerated().map { index, name in
            let start = keys.count
            if index > 0 { keys.append(UInt8(ascii: ",")) }
            keys.append(name)
            keys.append(UInt8(ascii: ":"))
            return start..<keys.count
        }
        self.keys = keys.finish()
        expectedRowSize = 2 * (16 + self.keys.count)
    }

    var count: Int { names.count }

    func appendKey(_ index: Int, to text: inout JSONText) {
        text.append(keys.span.extracting(keyBounds[index]))
    }

    func isName(_ name: StaticString, at index: Int) -> Bool {
        guard index < nameBytes.count else { return false }
        let expected = nameBytes[index]
        // Safe: both are as long as the count says, and are used within the call only.
        return unsafe name.utf8CodeUnitCount == expected.count && memcmp(name.utf8Start, expected, expected.count) == 0
    }

    func describe(_ index: Int) -> String {
        index < names.count ? "\"\(names[index])\"" : "the end: there are \(names.count) columns"
    }
}
