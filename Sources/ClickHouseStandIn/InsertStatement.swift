/// An `INSERT INTO database.table (columns) FORMAT JSONEachRow`, taken apart.
struct InsertStatement: Equatable {
    let database: String
    let table: String
    let format: String

    /// nil when `sql` is no such statement.
    init?(_ sql: String) {
        var scanner = SQLScanner(rest: sql[...])
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
}
