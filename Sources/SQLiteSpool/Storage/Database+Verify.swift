extension Database {
    /// Looks at all of the spool: takes about a second for each GiB.
    ///
    /// - Throws: ``SQLiteError`` with `SQLITE_CORRUPT` saying what cannot be what was written.
    borrowing func verify() throws(SQLiteError) {
        try verifyStructure()
        let ledger = try readLedger()
        let rows = try prepare("SELECT \(Statement.checkedColumns) FROM records")
        var records = 0
        while try rows.step() {
            try check(rows, through: .max)
            records += 1
        }
        guard records == ledger.records else {
            throw SQLiteError.corrupt("it has \(records) of \(ledger.records) records", action: "count the records")
        }
        for batch in ledger.batches { try batch.checkCount(readMembers(of: batch).count) }
    }

    /// As far as SQLite can tell.
    borrowing func verifyStructure() throws(SQLiteError) {
        let finding = try text("PRAGMA quick_check(1)") ?? ""
        guard finding == "ok" else { throw SQLiteError.corrupt(finding, action: "check the file") }
    }
}
