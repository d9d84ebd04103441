internal import Glibc

/// The columns of a record type, prepared for writing.
package struct ColumnNames: Sendable {
    /// What stands before each value: `,"name":`.
    let keys: [[UInt8]]
    private let names: [String]

    /// The names again, as what they are compared with: each column of each row is.
    private let nameBytes: [[UInt8]]

    /// Room for a row, so that it is allocated once: twice the keys is enough for usual values.
    let expectedRowSize: Int

    package init(_ columns: [ColumnName]) {
        let names = columns.map(\.name)
        self.names = names
        nameBytes = names.map { Array($0.utf8) }
        keys = names.enumerated().map { index, name in
            var key = JSONText(capacity: name.utf8.count + 4)
            if index > 0 { key.append(UInt8(ascii: ",")) }
            key.append(name)
            key.append(UInt8(ascii: ":"))
            return key.finish()
        }
        expectedRowSize = 2 * keys.reduce(16) { $0 + $1.count }
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
