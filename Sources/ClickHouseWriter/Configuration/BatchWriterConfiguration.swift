/// Everything that can be set about a ``BatchWriter``. Sizes are bytes, except where they are records.
public struct BatchWriterConfiguration: Sendable {
    /// What a record survives once `write` has returned.
    public enum Durability: String, Sendable, CaseIterable {
        /// The death of the process and a power cut: each commit waits for the disk.
        case powerLoss
        /// The death of the process. A power cut may lose the newest records, and never corrupts the spool.
        case processCrash
    }

    /// The spool: a SQLite file of this writer alone. Made when it is absent; its directory must exist.
    public var spoolPath: String

    /// URLs of ClickHouse's HTTP interface, `http://localhost:8123`. Several are taken to be replicas of one table:
    /// one is used until it fails. A user and password in a URL are taken out and sent in headers.
    public var urls: [String]

    /// The table's database. Any name will do; it is quoted.
    public var database: String

    /// The table that records go to. Any name will do; it is quoted.
    public var table: String

    /// nil is ClickHouse's user `default` without a password, or whoever a URL names.
    public var user: String?

    /// Sent in a header, shown in no log, error or description.
    public var password: Secret?

    /// ``Durability/powerLoss`` by default.
    public var durability: Durability = .powerLoss

    /// Records that make a batch: as soon as so many are pending they are sent. 100 by default.
    public var maxBatchSize: Int = 100

    /// A batch is closed before its rows exceed this, 8 MiB by default. A single larger record is sent alone.
    public var maxBatchBytes: Int = 8 << 20

    /// How old the oldest pending record may get before it is sent, with however many there are. 5 s by default.
    public var flushInterval: Duration = .seconds(5)

    /// The longest row, 1 MiB by default. `write` throws ``WriterError/Code/recordTooLarge`` for a longer one.
    public var maxRecordBytes: Int = 1 << 20

    /// For one request, from connecting to the last byte of the response. 30 s by default. A request that takes
    /// longer is given up, its outcome unknown, and its batch is sent again.
    public var requestTimeout: Duration = .seconds(30)

    /// The longest wait after the first failure, 0.5 s by default. It doubles with every further failure; the wait is
    /// drawn at random from zero to it ("full jitter").
    public var minRetryDelay: Duration = .milliseconds(500)

    /// What the doubling ends at, 30 s by default. A longer `Retry-After` of the server's is honoured.
    public var maxRetryDelay: Duration = .seconds(30)

    /// The most that `close` takes, 10 s by default. What is not delivered by then stays in the spool.
    public var shutdownTimeout: Duration = .seconds(10)

    /// Everything that has no default, or whose default depends on where you are. The rest is set afterwards.
    public init(
        spoolPath: String,
        urls: [String],
        database: String = "default",
        table: String,
        user: String? = nil,
        password: Secret? = nil
    ) {
        self.spoolPath = spoolPath
        self.urls = urls
        self.database = database
        self.table = table
        self.user = user
        self.password = password
    }

    private static let longestDuration = Duration.seconds(365 * 86_400)

    /// SQLite takes no text of 10⁹ bytes, and ClickHouse no request that it cannot hold in memory.
    private static let largestRecord = 256 << 20

    /// - Throws: ``WriterError/Code/invalidConfiguration`` naming the value, the limit and what is wrong.
    func validate() throws(WriterError) {
        var problems: [String] = []
        func refuse(_ isWrong: Bool, _ problem: String) {
            if isWrong { problems.append(problem) }
        }
        refuse(urls.isEmpty, "urls is empty; give at least one, like http://localhost:8123")
        refuse(database.isEmpty, "database is empty")
        refuse(table.isEmpty, "table is empty")
        refuse(maxBatchSize < 1, "maxBatchSize is \(maxBatchSize); it must be at least 1")
        refuse(maxBatchBytes < 1, "maxBatchBytes is \(maxBatchBytes); it must be at least 1")
        refuse(maxRecordBytes < 1, "maxRecordBytes is \(maxRecordBytes); it must be at least 1")
        refuse(flushInterval <= .zero, "flushInterval is \(flushInterval); it must be longer than zero")
        refuse(requestTimeout <= .zero, "requestTimeout is \(requestTimeout); it must be longer than zero")
        refuse(minRetryDelay <= .zero, "minRetryDelay is \(minRetryDelay); it must be longer than zero")
        refuse(maxRetryDelay < minRetryDelay, "maxRetryDelay is shorter than minRetryDelay")
        refuse(shutdownTimeout < .zero, "shutdownTimeout is negative")
        refuse(
            [flushInterval, requestTimeout, maxRetryDelay, shutdownTimeout].contains { $0 > Self.longestDuration },
            "no duration may be longer than a year"
        )
        refuse(
            maxRecordBytes > Self.largestRecord || maxBatchBytes > Self.largestRecord,
            "maxRecordBytes and maxBatchBytes must be at most \(Self.largestRecord)"
        )
        if !problems.isEmpty { throw WriterError(.invalidConfiguration, problems.joined(separator: "; ")) }
    }
}
