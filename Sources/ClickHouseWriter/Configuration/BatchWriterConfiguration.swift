/// Everything that can be set about a ``BatchWriter``. Sizes are bytes, except where they are records.
public struct BatchWriterConfiguration: Sendable {
    /// What a record survives once `write` has returned.
    public enum Durability: String, Sendable, CaseIterable {
        /// The death of the process and a power cut: each commit waits for the disk.
        case powerLoss
        /// The death of the process. A power cut may lose the newest records, and never corrupts the spool.
        case processCrash
    }

    /// What happens to a record that the spool has no room for.
    public enum WhenFull: String, Sendable, CaseIterable {
        /// `write` throws ``WriterError/Code/spoolFull``, and nothing is lost.
        case reject
        /// The oldest records that are in no batch yet are dropped, counted and logged. When there are none, or when the
        /// disk itself is full, `write` throws all the same.
        case dropOldest
    }

    /// How requests to ClickHouse are compressed.
    public enum Compression: String, Sendable, CaseIterable {
        /// Not at all.
        case none
        /// By gzip, which every ClickHouse reads. JSON lines shrink to a fraction, for some 15 ms of CPU time a MB.
        case gzip
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

    /// A PEM file of the CAs that https:// servers' certificates may come from, in the place of the system's, as with
    /// `curl --cacert`. A server's self-signed certificate will do. nil, the default, trusts the system's. Servers are
    /// always verified. The files are read when the writer is made, and anew when they change: after a failure at once,
    /// else at most 10 s later, the next connection uses them. Files that cannot be used are logged, and the old ones stay in force.
    public var tlsCAFile: String?

    /// A PEM file of the writer's own certificate, followed by the intermediate ones, for servers that require one.
    /// nil, the default, shows none. It needs ``tlsKeyFile``.
    public var tlsCertificateFile: String?

    /// A PEM file of the certificate's private key, not encrypted; it may be the same file as ``tlsCertificateFile``.
    public var tlsKeyFile: String?

    /// ``Compression/none`` by default.
    public var compression: Compression = .none

    /// ``Durability/powerLoss`` by default. ``WriterStatus/durability`` is less where the spool's file system cannot do that.
    public var durability: Durability = .powerLoss

    /// Records that make a batch: as soon as so many are pending they are sent. 100 by default.
    public var maxBatchSize: Int = 100

    /// Records of the largest batch while a backlog drains. nil, the default, keeps every batch at ``maxBatchSize``.
    ///
    /// ClickHouse takes ten thousand rows almost as fast as a hundred, so set this to 10,000 where outages are long.
    /// Batches grow to it when more than four usual ones are pending, and shrink when ClickHouse finds them too large.
    public var catchUpBatchSize: Int?

    /// Whether all that is pending is a backlog: batches start at ``catchUpBatchSize``, and are never small for there being
    /// few records. False by default; for a spool that nobody writes to.
    package var isCatchingUp: Bool = false

    /// Batches that are sent at once. 1, the default, keeps the order in which records were written.
    public var maxInFlight: Int = 1

    /// Whether a record type's ``ClickHouseRecord/identity`` is used: before a batch is sent again that may be stored,
    /// the table is asked what it has. True by default. Needs the right to SELECT those columns.
    public var reconciles: Bool = true

    /// The columns that may lose values, for example a `UInt8` column for a `UInt16`. Records are held while any other column would lose
    /// values. None by default. ClickHouse refuses every time in a `Date` column, also when it is named here.
    public var lossyColumns: [String] = []

    /// A batch is closed before its rows exceed this, 8 MiB by default. A single larger record is sent alone.
    public var maxBatchBytes: Int = 8 << 20

    /// How old the oldest pending record may get before it is sent, with however many there are. 5 s by default.
    public var flushInterval: Duration = .seconds(5)

    /// The longest row, 1 MiB by default. `write` throws ``WriterError/Code/recordTooLarge`` for a longer one.
    public var maxRecordBytes: Int = 1 << 20

    /// The most bytes that the spool's files have in use, 1 GiB by default; dead letters count. Where the disk has less
    /// room, it is less: some of it is always left free, so that what ClickHouse accepted can be let go.
    public var maxSpoolBytes: Int = 1 << 30

    /// The most records that are not delivered yet. nil, the default: as many as ``maxSpoolBytes`` holds.
    public var maxRecords: Int?

    /// ``WhenFull/reject`` by default. A record that is longer than ``maxRecordBytes`` is always refused.
    public var whenFull: WhenFull = .reject

    /// Records that are in no batch and older than this are dropped, counted and logged, whether or not there is room.
    /// nil, the default: none is. It is looked at every second, and at every write. Setting the machine's clock makes no record older.
    public var maxAge: Duration?

    /// Whether the spool may be on a network file system. False by default: SQLite's locks and syncs often do not hold
    /// there (https://www.sqlite.org/useovernet.html).
    public var allowsNetworkFileSystem: Bool = false

    /// Whether records that wait in the spool for another database or table are delivered to this one. False by default: opening it is refused,
    /// because what the other table has already would be stored again. Another URL is taken for another way to the same table.
    public var redirects: Bool = false

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
}
