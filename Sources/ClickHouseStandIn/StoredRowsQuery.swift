internal import Foundation

/// The query that asks which rows of a batch are stored, taken apart.
struct StoredRowsQuery {
    let database: String
    let table: String
    let idColumn: String
    let timeColumn: String?
    private let ids: [String]

    /// nil when `sql` is no such query.
    init?(_ sql: String) {
        var scanner = SQLScanner(rest: sql[...])
        guard scanner.skip(past: "SELECT toString("), let id = scanner.identifier() else { return nil }
        idColumn = id
        timeColumn = scanner.skip(past: ") AS _writer_key, toUnixTimestamp(") ? scanner.identifier() : nil
        guard scanner.skip(past: " FROM "), let database = scanner.identifier(), scanner.skip("."),
            let table = scanner.identifier(), scanner.skip(word: "WHERE")
        else { return nil }
        self.database = database
        self.table = table
        var ids: [String] = []
        if scanner.skip(past: " IN (") {
            repeat {
                guard let id = scanner.literal() else { return nil }
                ids.append(id)
            } while scanner.skip(",")
        }
        self.ids = ids
    }

    /// Numbers as numbers too: the rows may have either.
    var idsAsJSON: String {
        let values: [Any] = ids + ids.compactMap { Int64($0) }
        let json = try? JSONSerialization.data(withJSONObject: values)
        return json.map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }
}
