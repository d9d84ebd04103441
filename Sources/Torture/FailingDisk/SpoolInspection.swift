internal import FaultyDisk
internal import SQLiteSpool

/// What is in a spool's file, by its own words and by counting.
struct SpoolInspection {
    private(set) var records: Set<Int> = []
    private(set) var deadLetters: Set<Int> = []
    /// What SQLite or the counts find wrong.
    private(set) var faults: [String] = []

    init(of path: String, on disk: FaultyDisk) throws(SQLiteError) {
        let database = try Database(path: path, access: .readOnly, vfs: disk.vfs)
        if let report = try database.text("PRAGMA integrity_check"), report != "ok" { faults.append(report) }
        records = try numbers(in: "records", database)
        // A salvage sets aside what is not what was written, and says so.
        deadLetters = try numbers(in: "dead_letters WHERE message NOT LIKE 'damaged in the spool%'", database)
        if !records.isDisjoint(with: deadLetters) { faults.append("a record that is a dead letter as well") }
        for (name, check) in Self.checks where try database.integer(check) != 1 { faults.append(name) }
    }

    private static let checks = [
        ("the count of records", "SELECT records = (SELECT count(*) FROM records) FROM spool"),
        ("the count of dead letters", "SELECT dead_letters = (SELECT count(*) FROM dead_letters) FROM spool"),
        (
            "the count of bytes",
            "SELECT payload_bytes = (SELECT total(length(CAST(payload AS BLOB))) FROM records) FROM spool"
        ),
        ("the high-water mark", "SELECT last_id >= (SELECT coalesce(max(id), 0) FROM records) FROM spool"),
        (
            "the records of a batch",
            """
            SELECT NOT EXISTS (
                SELECT 1 FROM batches WHERE records <>
                    (SELECT count(*) FROM records WHERE id BETWEEN first_id AND last_id)
            )
            """
        ),
    ]

    private mutating func numbers(in table: String, _ database: borrowing Database) throws(SQLiteError) -> Set<Int> {
        let rows = try database.prepare("SELECT payload FROM \(table)")
        var numbers: Set<Int> = []
        while try rows.step() {
            var payload: [UInt8] = []
            rows.append(0, to: &payload)
            guard let number = NumberedPayload.number(in: payload) else {
                faults.append("an altered record in \(table)")
                continue
            }
            if !numbers.insert(number).inserted { faults.append("a record twice in \(table)") }
        }
        return numbers
    }
}
