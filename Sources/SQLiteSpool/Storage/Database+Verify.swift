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
    ///
    /// - Parameter passesNulls: whether a row without a value that it must have is left to its checksum.
    borrowing func verifyStructure(passesNulls: Bool = false) throws(SQLiteError) {
        // Behind a hundred rows of that kind there may be something else.
        let findings = try prepare("PRAGMA quick_check(100)")
        var nulls = 0
        while try findings.step() {
            let finding = findings.text(0) ?? ""
            if finding == "ok" { return }
            nulls += 1
            guard passesNulls, nulls < 100, finding.hasPrefix("NULL value in ") else {
                throw SQLiteError.corrupt(finding, action: "check the file")
            }
        }
    }
}
