/// What becomes of the spool after a failure, and what others are told of its health.
struct SpoolRecovery {
    /// Where the spool is to be.
    let home: DatabaseFile
    /// Where it is.
    private(set) var file: DatabaseFile
    private(set) var names: OpenNames
    let configuration: SpoolConfiguration
    let clock: any WallClock
    let lock: SpoolLock
    let published: PublishedLedger
    let onEvent: (SpoolEvent) -> Void

    private(set) var health = SpoolHealth()
    private(set) var nextReopening = ContinuousClock.now
    private(set) var nextSalvage = ContinuousClock.now
    private(set) var salvages = 0

    /// Takes note of what happened, and tells all that are to know: whoever reads, the next owner, and the log.
    mutating func note(_ event: SpoolHealth.Event) {
        let before = health
        health.apply(event)
        switch event {
        case .failed, .displaced: nextReopening = .now + .milliseconds(configuration.reopenMilliseconds)
        default: break
        }
        if health == before { return }
        published.health = health
        lock.note { [health] in $0.state = OwnerNote.State(health) }
        onEvent(.health(health))
    }

    /// Whether it is time to try again.
    var isDue: Bool { health.hasToWait && nextReopening <= .now }

    /// Tries to end what keeps records from being accepted.
    mutating func recover(_ connection: inout SpoolConnection, _ maintenance: inout WALMaintenance) {
        if health.refusal != nil {
            reopen(&connection)
            maintenance.disk.reserveWAL()
        } else {
            secure(&connection, &maintenance)
        }
    }

    // MARK: Damage

    /// Whether a damaged file is to be opened anew now. While SQLite has it open, it needs its name: what is at the path may be
    /// another one.
    mutating func mustSalvage(isOpen: Bool = true) -> Bool {
        guard health.isDamaged, nextSalvage <= .now else { return false }
        // Where damage comes back again and again, each salvage leaves a file behind.
        let delay = configuration.reopenMilliseconds << min(salvages, 16)
        nextSalvage = .now + .milliseconds(min(delay, max(60_000, configuration.reopenMilliseconds)))
        guard !isOpen || names.lost == nil && hasRoomForSalvage else { return false }
        salvages += 1
        return true
    }

    /// For what is readable of the file, and the WAL twice: a copy as it was, and one that is repaired.
    private var hasRoomForSalvage: Bool {
        let bytes = { [file] (suffix: String) -> Int in
            (try? file.fileSystem.status(of: file.path + suffix)?.bytes) ?? 0
        }
        let free = (try? file.fileSystem.availableBytes(at: file.directory)) ?? .max
        return free > bytes("") + 3 * bytes("-wal")
    }

    /// Nothing is read or acknowledged from now on, until the file is open again.
    mutating func beginSalvage() {
        if let damage = health.reason { note(.failed(damage)) }
        published.reader.closeNow()
    }

    /// Call it when SQLite has closed the file.
    ///
    /// - Returns: the file as a new owner finds it, salvaged if it is damaged.
    func openAsNextOwner() throws(SpoolError) -> Opened {
        try SpoolOpening(file: file, configuration: configuration, lock: lock, clock: clock).open()
    }

    /// Goes on with what was opened.
    mutating func didOpen(_ opened: borrowing Opened) {
        names = OpenNames(lock, file)
        lock.announce(opened.connection.ledger, configuration.durability, wal: opened.connection.walEnd)
        published.replaceReader(with: opened.reader)
        publish(opened.connection)
        published.countOpening()
        if let loss = opened.loss { onEvent(.salvaged(path: file.path, loss)) }
        note(.reopened)
    }

    /// After a failure nothing is acknowledged until the file was opened anew and verified.
    mutating func reopen(_ connection: inout SpoolConnection) {
        guard health.canReopen else { return }
        do throws(SpoolError) {
            // What is at the path now may be another file.
            if let lost = names.lost { throw SpoolError(displaced: lost) }
            let (uuid, ages) = (connection.ledger.uuid, connection.ages)
            connection = try SpoolError.wrapping {
                var reopened = try SpoolConnection(database: file.reopen(configuration), configuration, clock: clock)
                guard reopened.ledger.uuid == uuid else {
                    throw SpoolError(.failed, "\(file.path) is another spool now")
                }
                reopened.ages = ages
                if lock.previous?.isAhead(of: reopened.ledger) == true {
                    throw SpoolError(.damaged, "the newest of what was committed to \(file.path) is not in it")
                }
                try reopened.confirm()
                try file.clearWAL(behind: reopened.database)
                return reopened
            }
            // SQLite may have made the WAL anew.
            names = OpenNames(lock, file)
            publish(connection)
            note(.reopened)
        } catch {
            note(.failed(error))
        }
    }

    /// Looks, after a commit and before it is acknowledged, whether the open files still have their names. If not, writes what they
    /// hold to a file that has one, and goes on there.
    ///
    /// - Returns: why records must not be acknowledged; nil when they may.
    @discardableResult
    mutating func secure(
        _ connection: inout SpoolConnection,
        _ maintenance: inout WALMaintenance
    ) -> SpoolError? {
        guard let lost = names.lost else {
            if health.displacement != nil { note(.placed) }
            return nil
        }
        if let displacement = health.displacement, !isDue { return displacement }
        note(.displaced(SpoolError(displaced: lost)))
        do throws(SpoolError) {
            // A lock file that was removed is made again.
            if let database = lock.database, home.fileSystem.leads(file.path, to: database.identity) {
                try lock.move(to: file.path, clock.now)
                names.didMoveLock()
            }
            if names.lost != nil { try rescue(&connection, &maintenance) }
            onEvent(.rescued(path: file.path, lostName: lost))
            note(.placed)
            return nil
        } catch {
            let error = SpoolError(displaced: lost, error)
            note(.displaced(error))
            return error
        }
    }

    /// The last chance: what is in files without a name ends with the process.
    mutating func secureAtEnd(_ connection: inout SpoolConnection, _ maintenance: inout WALMaintenance) {
        guard names.lost != nil else { return }
        let holdsSomething = connection.ledger.records > 0 || connection.ledger.deadLetters > 0
        nextReopening = .now
        if health.refusal == nil, holdsSomething { secure(&connection, &maintenance) }
        published.reader.closeNow()
        // SQLite would remove what has the WAL's name by now.
        if names.lost != nil { connection.leaveWAL() }
    }

    private mutating func rescue(
        _ connection: inout SpoolConnection,
        _ maintenance: inout WALMaintenance
    ) throws(SpoolError) {
        let place = try SpoolRescue(
            home: home,
            lock: lock,
            names: names,
            configuration: configuration,
            clock: clock
        ).run(from: connection)
        // Closing the last connection would move the WAL, and remove the file that has its name by now.
        connection.leaveWAL()
        published.replaceReader(with: place.reader)
        file = place.file
        let hold = place.hold
        maintenance.move(to: file, place.mark)
        connection = place.connection
        lock.replaceDatabase(with: hold)
        names = OpenNames(lock, file)
        maintenance.disk.move(to: file.path)
        publish(connection)
    }

    /// - Returns: what the spool held before.
    @discardableResult
    func publish(_ connection: borrowing SpoolConnection) -> SpoolSummary {
        let progress = connection.ledger.progress(connection.walEnd)
        lock.note { $0.progress = progress }
        return published.replace(with: connection.ledger, connection.usage)
    }
}
