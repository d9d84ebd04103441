package struct InsertTarget: Sendable, Equatable {
    package let database: String
    package let table: String

    package init(database: String, table: String) {
        self.database = database
        self.table = table
    }

    /// `` `database`.`table` ``
    package var quotedName: String { "\(quoteIdentifier(database)).\(quoteIdentifier(table))" }

    /// Names no columns: every row names its own, and a batch that was frozen before an upgrade may name others than
    /// today's records do.
    package var insertStatement: String { "INSERT INTO \(quotedName) FORMAT JSONEachRow" }
}

extension String {
    /// A statement with a clause more, before its last one, the FORMAT. One without it, as DDL is, stays as it is.
    func beforeFormat(_ clause: String) -> String {
        guard let format = ranges(of: " FORMAT ").last?.lowerBound else { return self }
        return self[..<format] + clause + self[format...]
    }
}

/// A name in backquotes, with everything escaped that would end it or change it. ClickHouse reads backslash escapes
/// inside backquotes (https://clickhouse.com/docs/sql-reference/syntax#identifiers).
package func quoteIdentifier(_ name: String) -> String {
    "`\(escape(name, quote: "`"))`"
}

package func quoteString(_ text: String) -> String {
    "'\(escape(text, quote: "'"))'"
}

private func escape(_ text: String, quote: Unicode.Scalar) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\": escaped += "\\\\"
        case "\0": escaped += "\\0"
        case "\n": escaped += "\\n"
        // Not as a `Character`: U+1FEF, which a name may have, is equal to a backquote then.
        case quote: escaped += "\\\(quote)"
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}
