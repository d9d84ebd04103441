import SQLiteSpool

/// A row of a spool's `dead_letters`.
struct DeadLetter {
    let id: Int64
    let payload: String
    let code: Int?
    let message: String
    let attempts: Int

    static func all(in spool: String) throws -> [DeadLetter] {
        let database = try Database(path: spool, access: .readOnly)
        let rows = try database.prepare("SELECT id, payload, code, message, attempts FROM dead_letters ORDER BY id")
        var letters: [DeadLetter] = []
        while try rows.step() {
            letters.append(
                DeadLetter(
                    id: rows.integer(0) ?? 0,
                    payload: rows.text(1) ?? "",
                    code: rows.integer(2).map { Int($0) },
                    message: rows.text(3) ?? "",
                    attempts: Int(rows.integer(4) ?? 0)
                )
            )
        }
        return letters
    }
}
