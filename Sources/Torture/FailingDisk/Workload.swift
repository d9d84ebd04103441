internal import FaultyDisk
internal import SQLiteSpool
internal import Synchronization

/// A writer on a disk: what it asks of its spool, what it was told, and the destination that outlives every spool.
struct Workload {
    enum Outcome {
        case done
        case nothingToDo
        case failed
    }

    var account = Account()
    var destination = Destination()

    /// What the spool threw.
    private(set) var errors: [(call: String, error: SpoolError)] = []
    /// Records acknowledged although a sync had failed before, and nothing was opened since.
    var acknowledgedUnverified = 0
    var lastAppendSucceeded = false

    let disk: FaultyDisk
    let watchdog: Watchdog
    let gate = CommitGate()
    let tally = Tally()
    private var other: OtherProcess?
    /// One for all spools of the process: a new one would draw the same tokens again. The same in each run, as their bytes are what
    /// a power cut tears.
    private static let tokens = TokenSource.counted()

    init(on disk: FaultyDisk, watchdog: Watchdog) {
        self.disk = disk
        self.watchdog = watchdog
    }

    /// The same account and destination with another disk.
    func moved(to disk: FaultyDisk) -> Workload {
        var other = Workload(on: disk, watchdog: watchdog)
        other.account = account
        other.destination = destination
        other.acknowledgedUnverified = acknowledgedUnverified
        return other
    }

    static let fileName = "traces.spool"
    private var path: String { "\(disk.directory)/\(Self.fileName)" }

    /// Checkpoints and vacuums are small and frequent, and none waits for a moment that the clock decides.
    ///
    /// - Parameter isLarge: whether hundreds of pages are in the WAL before it begins anew.
    func openSpool(_ durability: SpoolConfiguration.Durability, isLarge: Bool = false) throws(SpoolError) -> Spool {
        var configuration = SpoolConfiguration(path: path, durability: durability, fileSystem: disk)
        let walBytes = (isLarge ? 80 : 40) * SpoolUsage.defaultPageBytes
        configuration.checkpoints.bytesWhenIdle = walBytes
        configuration.checkpoints.bytesAtMost = walBytes
        configuration.checkpoints.bytesPerSlice = 8 * SpoolUsage.defaultPageBytes
        configuration.checkpoints.slicesAlways = true
        configuration.checkpoints.quietPeriodMilliseconds = 60_000
        configuration.vacuum.bytesKept = 4 * SpoolUsage.defaultPageBytes
        configuration.vacuum.bytesWhenBusy = 2 * SpoolUsage.defaultPageBytes
        configuration.vacuum.intervalMilliseconds = 60_000
        configuration.reopenMilliseconds = 0
        configuration.tokens = Self.tokens
        watchdog.begin("opening the spool")
        defer { watchdog.end() }
        return try Spool(configuration) { [gate, tally] event in
            tally.add(event)
            if case .committed = event { gate.pass() }
        }
    }

    /// Another process has the spool open from now on, whoever owns it: then SQLite keeps its index of the WAL.
    mutating func openElsewhere() {
        other = try? OtherProcess(path)
    }

    func close(_ spool: Spool) async {
        watchdog.begin("close")
        await spool.close()
        watchdog.end()
    }

    /// Looks into the file of an open or a closed spool.
    func inspect() throws(SQLiteError) -> SpoolInspection {
        try SpoolInspection(of: path, on: disk)
    }

    /// - Returns: nil when the spool threw.
    mutating func call<Value>(_ name: String, _ body: () async throws(SpoolError) -> Value) async -> Value? {
        watchdog.begin(name)
        defer { watchdog.end() }
        do throws(SpoolError) {
            return try await body()
        } catch {
            note(error, of: name)
            return nil
        }
    }

    mutating func note(_ error: SpoolError, of name: String) {
        errors.append((name, error))
    }
}

/// A connection that the disk knows nothing of, and that writes nothing.
private final class OtherProcess {
    private let database: Database

    init(_ path: String) throws(SQLiteError) {
        database = try Database(path: path, access: .readOnly)
        _ = try database.integer("SELECT count(*) FROM records")
    }
}

extension TokenSource {
    /// Draws 1, 2, 3 and so on.
    fileprivate static func counted() -> TokenSource {
        let count = Counter()
        return TokenSource { count.next() }
    }
}

private final class Counter: Sendable {
    private let count = Mutex<UInt128>(0)

    func next() -> UInt128 {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}
