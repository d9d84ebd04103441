/// The table that rows go to.
package struct InsertTarget: Sendable, Equatable {
    package let database: String
    package let table: String

    /// The columns that every row names, in the order in which the rows name them.
    package let columns: [String]

    package init(database: String, table: String, columns: [String]) {
        self.database = database
        self.table = table
        self.columns = columns
    }

    /// `` `database`.`table` ``
    package var quotedName: String { "\(quoteIdentifier(database)).\(quoteIdentifier(table))" }

    package var insertStatement: String {
        let list = columns.map(quoteIdentifier).joined(separator: ", ")
        return "INSERT INTO \(quotedName)\(columns.isEmpty ? "" : " (\(list))") FORMAT JSONEachRow"
    }
}

/// A name in backquotes, with everything escaped that would end it or change it. ClickHouse reads backslash escapes
/// inside backquotes (https://clickhouse.com/docs/sql-reference/syntax#identifiers).
package func quoteIdentifier(_ name: String) -> String {
    "`\(escape(name, quote: "`"))`"
}

/// A string literal in single quotes.
package func quoteString(_ text: String) -> String {
    "'\(escape(text, quote: "'"))'"
}

private func escape(_ text: String, quote: Character) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\": escaped += "\\\\"
        case "\0": escaped += "\\0"
        case "\n": escaped += "\\n"
        case _ where Character(scalar) == quote: escaped += "\\\(quote)"
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}
