/// An `INSERT INTO database.table (columns) FORMAT JSONEachRow`, taken apart.
struct InsertStatement: Equatable {
    let database: String
    let table: String
    let format: String

    /// nil when `sql` is no such statement.
    init?(_ sql: String) {
        var scanner = Scanner(rest: sql[...])
        guard scanner.skip(word: "INSERT"), scanner.skip(word: "INTO"), let first = scanner.identifier() else {
            return nil
        }
        if scanner.skip("."), let second = scanner.identifier() {
            (database, table) = (first, second)
        } else {
            (database, table) = ("default", first)
        }
        if scanner.skip("(") {
            repeat {
                guard scanner.identifier() != nil else { return nil }
            } while scanner.skip(",")
            guard scanner.skip(")") else { return nil }
        }
        guard scanner.skip(word: "FORMAT"), let format = scanner.identifier() else { return nil }
        self.format = format
    }

    private struct Scanner {
        var rest: Substring

        mutating func skip(_ character: Character) -> Bool {
            rest = rest.trimmingPrefix { $0.isWhitespace }
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        mutating func skip(word: String) -> Bool {
            rest = rest.trimmingPrefix { $0.isWhitespace }
            guard rest.prefix(word.count).uppercased() == word else { return false }
            rest = rest.dropFirst(word.count)
            return true
        }

        /// A bare name, or one in backquotes with backslash escapes.
        mutating func identifier() -> String? {
            guard skip("`") else {
                let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                rest = rest[name.endIndex...]
                return name.isEmpty ? nil : String(name)
            }
            var name = ""
            while let character = rest.popFirst(), character != "`" {
                name.append(character == "\\" ? rest.popFirst() ?? character : character)
            }
            return name
        }
    }
}
