/// Looks at everything of a spool, whether its owner lives or not, and changes nothing.
///
/// The counts are only comparable at one moment, so this is one read transaction, about two seconds for each GiB. What is
/// committed meanwhile stays in the WAL until it is over.
package struct SpoolCheck {
    private let path: String
    private let fileSystem: any FileSystem
    private let onProgress: (_ what: String, _ done: Int, _ of: Int) -> Void

    /// - Parameter onProgress: called now and then, with what is being counted.
    package init(
        path: String,
        fileSystem: any FileSystem = .system,
        onProgress: @escaping (_ what: String, _ done: Int, _ of: Int) -> Void = { _, _, _ in }
    ) {
        self.path = path
        self.fileSystem = fileSystem
        self.onProgress = onProgress
    }

    /// - Throws: ``SpoolError`` with code `refused` when there is no spool, `failed` when it cannot be read.
    package func run() throws(SpoolError) -> [CheckResult] {
        let file = try DatabaseFile(path: path, fileSystem)
        return try SpoolError.wrapping {
            // Before the file: what it tells of later is no loss.
            let note = file.readNote()
            // While SQLite has none of them open here.
            let place = try checkPlace(file)
            let database: Database
            do {
                database = try file.openForReading()
            } catch let error as SpoolError where error.code == .damaged || note != nil && error.code == .refused {
                guard try fileSystem.status(of: file.path)?.isRegularFile == true else { throw error }
                return place + CheckResult.damage("structure", sound: "", [error.description])
            }
            let missesWAL = (try? file.missesWAL(database, note)) ?? false
            let missing = [(MissingWAL.finding(file.path), MissingWAL.remedy(file.path))]
            return try place + checkModes(database)
                + (missesWAL ? CheckResult.of("write-ahead log", sound: "", missing) : [])
                + checkContents(database, note, file)
        }
    }

    // MARK: Around the database

    private func checkPlace(_ file: DatabaseFile) throws -> [CheckResult] {
        let path = file.path
        var files: [(path: String, status: FileStatus)] = []
        for suffix in [""] + SpoolFileNames.beside {
            if let status = try fileSystem.status(of: path + suffix) { files.append((path + suffix, status)) }
        }
        let directory = directory(ofFile: path)
        let name = String(path.dropFirst(directory.count))
        let names = (try? fileSystem.names(in: directory)) ?? []
        let intent = file.readLock().flatMap { SalvageIntent($0) }
        let salvage = intent.map { _ in
            // What is read may be what that made of it.
            CheckResult.damage("salvage", sound: "", ["its owner has begun one, and it is not finished"])
        }
        let mount = file.mount
        // The next owner sees to the others.
        let copied = files.filter { file in
            mount?.copiesOnWrite == true && file.status.bytes > 0 && [path, path + "-wal"].contains(file.path)
                && (try? fileSystem.overwritesInPlace(file.path, makes: false)) == false
        }.map(\.path)
        return CheckResult.files(files)
            + CheckResult.fileSystem(mount, copied: copied)
            + CheckResult.besides(
                names.filter { $0.hasPrefix(name) },
                strangers: SpoolFileNames.strangers(in: names, spool: name, draft: intent?.draft(of: name))
            ) + (salvage ?? [])
    }

    private func checkModes(_ database: borrowing Database) throws -> [CheckResult] {
        let version = Int(try database.integer("PRAGMA user_version") ?? 0)
        let modes = CheckResult.modes(
            journal: try database.text("PRAGMA journal_mode") ?? "unknown",
            autoVacuum: Int(try database.integer("PRAGMA auto_vacuum") ?? 0)
        )
        let newest = SpoolHeader.newestSchemaVersion
        let later = version < newest ? "; its next owner brings it to \(newest)" : ""
        return CheckResult.of("schema", sound: "version \(version)\(later)", []) + modes
    }

    // MARK: In the database

    private func checkContents(
        _ database: borrowing Database,
        _ note: OwnerNote?,
        _ file: DatabaseFile
    ) throws -> [CheckResult] {
        try database.execute("BEGIN")
        defer { database.rollBack() }
        var results = try checkStructure(database)
        // A table of an older version has not all that is to be compared.
        guard try database.hasNewestSchema() else {
            let words = "not compared with the counts before the schema is of this version"
            return results + CheckResult.of("records", sound: words, [])
        }
        let counts = try unlessDamaged("counts", &results) { () throws(SQLiteError) in try database.readLedger() }
        guard let ledger = counts else { return results }
        let checks = [("records", checkRecords), ("batches", checkBatches), ("dead letters", checkDeadLetters)]
        for (name, check) in checks {
            results += try unlessDamaged(name, &results) { () throws(SQLiteError) in try check(database, ledger) } ?? []
        }
        return results + CheckResult.note(note, file.readNote(), ledger)
    }

    /// - Returns: nil when it cannot be read, which is a result as well.
    private func unlessDamaged<Value>(
        _ name: String,
        _ results: inout [CheckResult],
        _ body: () throws(SQLiteError) -> Value
    ) throws(SQLiteError) -> Value? {
        do throws(SQLiteError) {
            return try body()
        } catch {
            guard error.isDamage else { throw error }
            results += CheckResult.damage(name, sound: "", [error.message])
            return nil
        }
    }

    private func checkStructure(_ database: borrowing Database) throws -> [CheckResult] {
        onProgress("checking the structure", 0, 0)
        var findings: [String] = []
        do throws(SQLiteError) {
            let rows = try database.prepare("PRAGMA integrity_check(5)")
            while try rows.step() { findings.append(rows.text(0) ?? "") }
        } catch {
            guard error.isDamage else { throw error }
            findings.append(error.message)
        }
        return CheckResult.damage("structure", sound: "SQLite's integrity check", findings.filter { $0 != "ok" })
    }

    private func checkRecords(_ database: borrowing Database, _ ledger: Ledger) throws(SQLiteError) -> [CheckResult] {
        let rows = try database.prepare("SELECT \(Statement.checkedColumns) FROM records ORDER BY id")
        var records = 0
        var bytes = 0
        var damaged: [Int64] = []
        var previous: Int64 = 0
        while try rows.step() {
            try database.checkOrder(&previous, rows.integer(0) ?? 0)
            records += 1
            bytes += rows.byteCount(1)
            if !rows.isSound { damaged.append(previous) }
            if records.isMultiple(of: 20_000) { onProgress("checking records", records, ledger.records) }
        }
        var findings: [String] = []
        if !damaged.isEmpty { findings.append("\(damaged.count) not what was written: \(damaged.firstFew)") }
        if records != ledger.records { findings.append("there are \(records), and \(ledger.records) are counted") }
        if bytes != ledger.payloadBytes {
            findings.append("they have \(bytes) bytes, and \(ledger.payloadBytes) are counted")
        }
        if previous > ledger.lastID {
            findings.append("the last one is \(previous), and \(ledger.lastID) was given out")
        }
        return CheckResult.damage("records", sound: "\(records), each as it was written, as counted", findings)
    }

    /// Their order and ranges were checked with the ledger.
    private func checkBatches(_ database: borrowing Database, _ ledger: Ledger) throws(SQLiteError) -> [CheckResult] {
        var findings: [String] = []
        for batch in ledger.batches {
            let members = try database.readMembers(of: batch)
            let bytes = members.reduce(0) { $0 + $1.payloadBytes }
            if members.count != batch.records || bytes != batch.payloadBytes {
                findings.append("batch \(batch.token) has \(members.count) of its \(batch.records) records")
            }
        }
        return CheckResult.damage("batches", sound: "\(ledger.batches.count) in flight, each whole", findings)
    }

    private func checkDeadLetters(_ database: borrowing Database, _ ledger: Ledger) throws(SQLiteError) -> [CheckResult]
    {
        var count = 0
        var unreadable: [Int64] = []
        var position: Int64 = 0
        // A damaged file may have any id.
        while position < .max {
            let range = position + 1 ... .max
            let letters = try database.readLetters(.all, in: range, limit: 1_000, maxBytes: 4 << 20)
            guard let last = letters.last else { break }
            count += letters.count
            // What a salvage has found is known already.
            unreadable += letters.filter { $0.obstacle == .damaged && $0.message != Salvage.damagedMessage }.map(\.id)
            position = last.id
        }
        return CheckResult.deadLetters(count, counted: ledger.deadLetters, unreadable: unreadable)
    }
}
