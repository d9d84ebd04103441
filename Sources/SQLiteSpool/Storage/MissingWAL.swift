/// A database that was copied or moved without its WAL: what was committed last is missing, and SQLite says nothing of it.
package enum MissingWAL {
    package static func finding(_ path: String) -> String {
        """
        \(path) was copied or moved without \(path)-wal, after its writer had opened it and before it closed it: what was \
        committed last is missing, records as well as which of those here were delivered
        """
    }

    package static func remedy(_ path: String) -> String {
        """
        Put the \(path)-wal that belongs to it beside it; or copy all files again while no writer runs, or copy those of a running \
        writer with sqlite3's .backup. If the WAL is gone for good, go on with what is here: spoolctl salvage \(path) NEW
        """
    }
}

extension DatabaseFile {
    /// - Throws: ``SpoolError`` with code `damaged` when the WAL is missing.
    func checkWAL(of database: borrowing Database, _ note: OwnerNote?) throws {
        if try missesWAL(database, note) { throw SpoolError(.damaged, MissingWAL.finding(path)) }
    }

    /// Whether the last owner did not close the database, and its WAL is not here.
    ///
    /// A process that dies leaves a WAL. A power cut may leave an empty one, all of which was in the database, and another program
    /// may have moved all of it there. So its note must have what the database has not; a file without a note has to bring the
    /// WAL.
    func missesWAL(_ database: borrowing Database, _ note: OwnerNote?) throws -> Bool {
        // Twice, as an owner may close it meanwhile.
        guard try database.isLeftOpen(), try !fileSystem.hasBytes(path + "-wal"), try database.isLeftOpen() else {
            return false
        }
        let ledger = try database.readLedger()
        // Where files have no marks, nothing can be a copy.
        guard let note else { return fileSystem.marks(of: path) != nil }
        return note.uuid != ledger.uuid || note.isAhead(of: ledger)
    }
}
