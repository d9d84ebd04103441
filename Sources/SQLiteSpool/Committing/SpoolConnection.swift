internal import CSQLite

/// The one connection that writes and checkpoints, with its prepared statements and the counts that go with them.
///
/// Every method that changes something is one transaction: after it returns, the change is committed and `ledger`
/// says so; after it throws, neither is the case.
struct SpoolConnection: ~Copyable {
    let database: Database
    private let durability: SpoolConfiguration.Durability
    let limits: SpoolLimits
    let clock: any WallClock
    let statements: Statements

    /// Goes on with the owner, whichever connection it has.
    var ages: RecordAges

    private(set) var ledger: Ledger
    var usage: SpoolUsage

    init(
        database: consuming Database,
        _ configuration: SpoolConfiguration,
        clock: any WallClock
    ) throws(SQLiteError) {
        let ledger = try database.readLedger()
        let statements = Statements(
            begin: try database.prepare("BEGIN IMMEDIATE"),
            commit: try database.prepare("COMMIT"),
            insertRecord: try database.prepare(
                "INSERT INTO records (id, enqueued_at, checksum, payload) VALUES (?1, ?2, ?3, ?4)"
            ),
            // Of one row, and SQLite must know it: for several it makes a journal of 64 KiB each time, to be able to take back
            // this statement alone.
            updateCounts: try database.prepare(
                """
                UPDATE spool SET last_id = ?1, records = ?2, payload_bytes = ?3, dead_letters = ?4, dropped = ?5,
                    committed_at = max(committed_at + 1, ?6), checksum = ?7
                WHERE singleton = 1
                """
            ),
            pageCount: try database.prepare("PRAGMA page_count"),
            freePageCount: try database.prepare("PRAGMA freelist_count")
        )
        usage = SpoolUsage(
            pageBytes: Int(try database.integer("PRAGMA page_size") ?? 0),
            pages: try statements.pageCount.readInteger(),
            freePages: try statements.freePageCount.readInteger()
        )
        self.database = database
        durability = configuration.durability
        limits = configuration.limits
        self.clock = clock
        self.statements = statements
        self.ledger = ledger
        ages = RecordAges(recoveredThrough: ledger.lastID, clock: clock)
    }

    /// Where the last commit ends in the WAL; nil when that is not known.
    var walEnd: WALEnd? { (try? database.walEnd()) ?? nil }

    /// What every commit needs, prepared once.
    struct Statements: ~Copyable {
        let begin: Statement
        let commit: Statement
        let insertRecord: Statement
        let updateCounts: Statement
        let pageCount: Statement
        let freePageCount: Statement
    }

    /// A transaction, and what it comes to.
    struct Transaction {
        var ledger: Ledger
        let now: Int64
        let usageBefore: SpoolUsage
        let isSynced: Bool
        /// Pages are counted at a commit; what came in since is reckoned from the lengths.
        var bytesInUse: Int
        /// Records that were dropped to make room, and because they were too old.
        var droppedForRoom = 0
        var droppedForAge = 0
        /// Damaged records that become dead letters.
        var setAside: [SetAsideRecord] = []
    }

    /// Opens a transaction with these operations. To be ended with `commit` or `rollBack`; when one of the
    /// two or this has thrown, it is rolled back already.
    mutating func begin(_ operations: [SpoolOperation]) throws(SQLiteError) -> Transaction {
        let now = clock.now
        var transaction = Transaction(
            ledger: ledger,
            now: now.milliseconds,
            usageBefore: usage,
            // A batch is sent once it is frozen. A power cut must not have its records frozen again, under another token.
            isSynced: durability == .processCrash && operations.contains(where: \.mustSurvivePowerLoss),
            bytesInUse: usage.bytesInUse
        )
        do throws(SQLiteError) {
            if transaction.isSynced { try database.execute("PRAGMA synchronous = FULL") }
            try statements.begin.run()
            // First, so that a freeze keeps its records from being dropped.
            for operation in operations { try apply(operation, &transaction) }
            if let maxAge = limits.maxAge {
                ages.look(at: now, elapsed: clock.elapsed, ledger)
                transaction.droppedForAge = try dropOldest(&transaction.ledger, olderThan: maxAge, now: now)
            }
        } catch {
            rollBack(transaction)
            throw error
        }
        return transaction
    }

    /// - Parameter freePagesToReturn: at most so many are cut off the end of the file on the way.
    mutating func commit(_ transaction: Transaction, freePagesToReturn: Int = 0) throws(SQLiteError) {
        do throws(SQLiteError) {
            let ledger = transaction.ledger
            // The counts say that nothing is left: then nothing must be.
            if ledger.records == 0, ledger != self.ledger, try database.integer("SELECT 1 FROM records LIMIT 1") != nil
            {
                throw SQLiteError.corrupt("there are records, and 0 are counted", action: "count the records")
            }
            try updateCounts(ledger, at: transaction.now)
            if freePagesToReturn > 0 {
                // A page that is in use at the end is moved into a free one. The disk gets them with the next checkpoint.
                try database.prepare("PRAGMA incremental_vacuum(\(freePagesToReturn))").run()
            }
            try measure()
            try statements.commit.run()
        } catch {
            rollBack(transaction)
            throw error
        }
        if transaction.isSynced { syncNoMore() }
        ledger = transaction.ledger
        usage.walPages = database.walPages
    }

    mutating func rollBack(_ transaction: Transaction) {
        database.rollBack()
        usage = transaction.usageBefore
        if transaction.isSynced { syncNoMore() }
    }

    private func syncNoMore() {
        try? database.execute("PRAGMA synchronous = NORMAL")
    }

    /// Makes a new WAL frame durable in the place of one whose commit failed half-way, and shows that commits work again.
    mutating func confirm() throws(SQLiteError) {
        try database.execute("PRAGMA synchronous = FULL")
        defer { if durability == .processCrash { syncNoMore() } }
        try commit(begin([]))
    }

    /// The last commit: it says in the database that nothing is missing without the WAL. Where it fails, the WAL stays.
    func signOff() {
        // Closing waits for no other program's transaction.
        database.setBusyTimeout(milliseconds: 0)
        do throws(SQLiteError) {
            // The checkpoint syncs it.
            syncNoMore()
            try database.markClosed()
            _ = try database.checkpoint()
        } catch {
            leaveWAL()
        }
    }

    /// Keeps the WAL as it is when the connection is closed.
    func leaveWAL() {
        try? database.configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
    }

    /// Moves the WAL into the database, as far as readers let it.
    ///
    /// - Returns: whether all of it was moved.
    mutating func checkpoint() throws(SQLiteError) -> Bool {
        let isComplete = try database.checkpoint()
        if isComplete { usage.walPages = 0 }
        return isComplete
    }

    /// Within a transaction it counts what that has done.
    mutating func measure() throws(SQLiteError) {
        usage.pages = try statements.pageCount.readInteger()
        usage.freePages = try statements.freePageCount.readInteger()
    }

    private func updateCounts(_ ledger: Ledger, at now: Int64) throws(SQLiteError) {
        try statements.updateCounts.run(
            .integer(ledger.lastID),
            .integer(Int64(ledger.records)),
            .integer(Int64(ledger.payloadBytes)),
            .integer(Int64(ledger.deadLetters)),
            .integer(Int64(ledger.dropped)),
            .integer(now),
            .integer(ledger.checksum)
        )
    }
}
