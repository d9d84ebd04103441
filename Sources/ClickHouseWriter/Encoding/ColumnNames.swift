/// The columns of a record type, prepared for writing.
package struct ColumnNames: Sendable {
    /// What stands before each value: `,"name":`.
    let keys: [[UInt8]]
    private let names: [String]

    /// Room for a row, so that it is allocated once: twice the keys is enough for usual values.
    let expectedRowSize: Int

    package init(_ names: [String]) {
        self.names = names
        keys = names.enumerated().map { index, name in
            var key: [UInt8] = index == 0 ? [] : [UInt8(ascii: ",")]
            JSONText.append(name, to: &key)
            key.append(UInt8(ascii: ":"))
            return key
        }
        expectedRowSize = 2 * keys.reduce(16) { $0 + $1.count }
    }

    func isName(_ name: StaticString, at index: Int) -> Bool {
        // Safe: the buffer lives as long as the program, and is used within the closure only.
        name.withUTF8Buffer { unsafe names[index].utf8.elementsEqual($0) }
    }

    func describe(_ index: Int) -> String {
        index < names.count ? "\"\(names[index])\"" : "the end: there are \(names.count) columns"
    }
}
