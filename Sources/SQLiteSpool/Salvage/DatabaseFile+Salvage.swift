extension DatabaseFile {
    /// Makes an empty file a spool that holds what can be read of this one, and closes it.
    ///
    /// - Parameter uuid: the new spool's; nil draws one.
    func salvage(
        into draft: String,
        uuid: String? = nil,
        reason: String,
        _ previous: OwnerNote?,
        tokens: TokenSource = .system,
        now: WallInstant
    ) throws -> SpoolLoss {
        let source = try connect()
        try refusePrograms(in: source)
        let target = try Database(path: draft, access: .readWrite, vfs: fileSystem.vfs)
        try target.markAsSpool()
        try target.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL")
        try target.migrate(now: now, uuid: uuid)
        let missesWAL = (try? missesWAL(source, previous)) ?? false
        let salvage = Salvage(source: source, target: target, previous: previous, tokens: tokens, now: now)
        var loss = try salvage.run(reason: reason)
        if missesWAL {
            let uuid = try salvage.source.readCounts().uuid
            loss.isUncounted = previous?.uuid != uuid
            // The WAL may have said that some of them were delivered.
            let doubted = try salvage.target.readCounts().lastID
            try salvage.target.write(SpoolOrigin(copyOf: uuid, foundAt: now, doubtedThrough: doubted))
        }
        return loss
    }

    func refusePrograms(in database: borrowing Database) throws(SpoolError) {
        if let table = SpoolSchema.programmedTable(in: database) {
            throw SpoolError(.refused, "\(path) was made by another program: its \(table) is no table of a spool")
        }
    }

    /// Looks at all of the file, whether it is a spool, sound, and as new as its owner noted.
    ///
    /// - Throws: ``SpoolError`` with code `damaged` when it is a spool and not sound.
    func verify(previous: OwnerNote?) throws(SpoolError) {
        try SpoolError.wrapping {
            let database = try connect()
            _ = try checkIdentity(of: database, hasPrevious: previous != nil)
            try checkWAL(of: database, previous)
            guard try database.hasNewestSchema() else {
                // The rest is looked at in the form that a migration gives it.
                return try database.verifyStructure()
            }
            try database.verify()
            if let previous, LedgerGap(try database.readLedger(), behind: previous) != nil {
                throw SpoolError(.damaged, "the newest of what was committed is not in it")
            }
        }
    }
}
