import ClickHouseHTTP
@testable import ClickHouseWriter
import Configuration
import SQLiteSpool
import TestSupport
import Testing

@Suite struct FlushPolicyTests {
    private let policy = FlushPolicy(maxBatchSize: 100, flushInterval: .seconds(5))

    @Test(arguments: [
        (0, Duration.zero, false, FlushPolicy.Decision.wait(nil)),
        (0, .zero, true, .wait(nil)),
        (1, .zero, false, .wait(.seconds(5))),
        (1, .seconds(2), false, .wait(.seconds(3))),
        (1, .milliseconds(4_999), false, .wait(.milliseconds(1))),
        (1, .seconds(5), false, .sendNow),
        (99, .seconds(60), false, .sendNow),
        (99, .zero, false, .wait(.seconds(5))),
        (100, .zero, false, .sendNow),
        (1, .zero, true, .sendNow),
        (1, .seconds(-3_600), false, .wait(.seconds(5))),
    ])
    func `a batch goes when it is full, old or asked for`(
        pending: Int,
        age: Duration,
        isFlushRequested: Bool,
        decision: FlushPolicy.Decision
    ) {
        #expect(policy.decide(pending: pending, oldestAge: age, isFlushRequested: isFlushRequested) == decision)
    }

    @Test(arguments: [
        (0, 1, true), (1, 2, false), (98, 99, false), (99, 100, true), (100, 101, false), (0, 500, true), (5, 0, false),
    ])
    func `the flusher wakes for the first record and the one that fills a batch`(before: Int, after: Int, wakes: Bool) {
        #expect(policy.mustWake(pendingBefore: before, pendingAfter: after) == wakes)
    }
}

@Suite struct BackoffPolicyTests {
    private let policy = BackoffPolicy(minDelay: .milliseconds(500), maxDelay: .seconds(30))

    @Test(arguments: [
        (1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 16.0), (7, 30.0), (8, 30.0), (1_000_000, 30.0),
    ])
    func `the longest wait doubles up to the maximum, and any part of it may be drawn`(failures: Int, ceiling: Double) {
        for random in [0, 0.25, 0.999] {
            let delay = policy.delay(failures: failures, retryAfter: nil, random: random)
            #expect(abs(delay.inSeconds - ceiling * random) < 1e-6)
        }
    }

    @Test func `what the server asks for is not undercut`() {
        #expect(policy.delay(failures: 1, retryAfter: .seconds(60), random: 0.5) == .seconds(60))
        #expect(policy.delay(failures: 7, retryAfter: .seconds(1), random: 0.5) == .seconds(15))
    }
}

@Suite(.timeLimit(.minutes(1))) struct WakeupTests {
    @Test func `a signal before the wait is not lost`() async {
        let wakeup = Wakeup()
        wakeup.signal()
        #expect(await wakeup.wait(until: nil, clock: ManualClock()) == .signalOrCancellation)
    }

    @Test func `a wait ends at its timeout, at a signal and at cancellation`() async {
        let wakeup = Wakeup()
        let clock = ManualClock()
        let deadline = clock.now.advanced(by: .seconds(5))
        async let timedOut = wakeup.wait(until: deadline, clock: clock)
        await clock.waitForSleeper()
        clock.advance(by: .seconds(5))
        #expect(await timedOut == .deadline)

        async let signalled = wakeup.wait(until: deadline.advanced(by: .seconds(5)), clock: clock)
        await clock.waitForSleeper()
        wakeup.signal()
        #expect(await signalled == .signalOrCancellation)

        let cancelled = Task { await wakeup.wait(until: nil, clock: clock) }
        cancelled.cancel()
        #expect(await cancelled.value == .signalOrCancellation)
    }
}

@Suite struct ConfigurationTests {
    private func configuration(_ environment: [String: String]) throws -> BatchWriterConfiguration {
        var configuration = BatchWriterConfiguration(spoolPath: "s", urls: ["http://a"], table: "t")
        let provider = EnvironmentVariablesProvider(environmentVariables: environment)
        try configuration.apply(ConfigReader(provider: provider))
        return configuration
    }

    @Test func `every key is read from the environment`() throws {
        let read = try configuration([
            "CLICKHOUSE_URL": "http://a:1, http://b:2", "CLICKHOUSE_USER": "u", "CLICKHOUSE_PASSWORD": "p",
            "CLICKHOUSE_DATABASE": "d", "CLICKHOUSE_TABLE": "x", "CLICKHOUSE_REQUEST_TIMEOUT": "500ms",
            "CLICKHOUSE_MIN_RETRY_DELAY": "1s", "CLICKHOUSE_MAX_RETRY_DELAY": "2m", "CLICKHOUSE_MAX_BATCH_SIZE": "7",
            "CLICKHOUSE_MAX_BATCH_BYTES": "8", "CLICKHOUSE_MAX_RECORD_BYTES": "9", "CLICKHOUSE_FLUSH_INTERVAL": "3s",
            "CLICKHOUSE_SHUTDOWN_TIMEOUT": "1h", "CLICKHOUSE_SPOOL_PATH": "/p", "CLICKHOUSE_DURABILITY": "processCrash",
            "CLICKHOUSE_TLS_CA_FILE": "/ca", "CLICKHOUSE_TLS_CERTIFICATE_FILE": "/c", "CLICKHOUSE_TLS_KEY_FILE": "/k",
            "CLICKHOUSE_COMPRESSION": "gzip",
        ])
        #expect(read.urls == ["http://a:1", "http://b:2"])
        #expect(read.user == "u")
        #expect(read.password == "p")
        #expect(read.database == "d")
        #expect(read.table == "x")
        #expect(read.requestTimeout == .milliseconds(500))
        #expect(read.minRetryDelay == .seconds(1))
        #expect(read.maxRetryDelay == .seconds(120))
        #expect(read.maxBatchSize == 7)
        #expect(read.maxBatchBytes == 8)
        #expect(read.maxRecordBytes == 9)
        #expect(read.flushInterval == .seconds(3))
        #expect(read.shutdownTimeout == .seconds(3_600))
        #expect(read.spoolPath == "/p")
        #expect(read.durability == .processCrash)
        #expect(read.tlsCAFile == "/ca")
        #expect(read.tlsCertificateFile == "/c")
        #expect(read.tlsKeyFile == "/k")
        #expect(read.compression == .gzip)
    }

    @Test func `what is absent or empty keeps its default`() throws {
        let read = try configuration(["CLICKHOUSE_URL": "", "CLICKHOUSE_FLUSH_INTERVAL": ""])
        #expect(read.urls == ["http://a"])
        #expect(read.flushInterval == .seconds(5))
        #expect(read.maxBatchSize == 100)
        #expect(read.requestTimeout == .seconds(30))
        #expect(read.durability == .powerLoss)
        #expect(read.tlsCAFile == nil)
        #expect(read.compression == .none)
    }

    @Test(arguments: [
        ("CLICKHOUSE_FLUSH_INTERVAL", "5"), ("CLICKHOUSE_FLUSH_INTERVAL", "5 s"), ("CLICKHOUSE_FLUSH_INTERVAL", "-5s"),
        ("CLICKHOUSE_FLUSH_INTERVAL", "soon"), ("CLICKHOUSE_FLUSH_INTERVAL", "99999999999999999999s"),
        ("CLICKHOUSE_MAX_BATCH_SIZE", "many"), ("CLICKHOUSE_MAX_BATCH_SIZE", "1.5"), ("CLICKHOUSE_DURABILITY", "some"),
        ("CLICKHOUSE_COMPRESSION", "zip"),
    ])
    func `what cannot be read is an error that names the key and the value`(key: String, value: String) throws {
        let error = #expect(throws: WriterError.self) { try configuration([key: value]) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\"\(value)\"") == true)
        #expect(error?.message.contains(key) == true)
    }

    private struct Unnamed: ClickHouseRecord {
        static let columns: [ColumnName] = ["a"]
        static let identity: RecordIdentity? = RecordIdentity(id: "b")

        func encode(to row: inout RowEncoder) {}
    }

    private struct Quoted: ClickHouseRecord {
        static let columns: [ColumnName] = ["a\"b"]
        static let identity: RecordIdentity? = RecordIdentity(id: "a\"b")

        func encode(to row: inout RowEncoder) {}
    }

    /// The quote and the accent behind it are one character.
    private struct Accented: ClickHouseRecord {
        static let columns: [ColumnName] = ["a\"\u{301}b"]
        static let identity: RecordIdentity? = RecordIdentity(id: "a\"\u{301}b")

        func encode(to row: inout RowEncoder) {}
    }

    private struct ControlCharacter: ClickHouseRecord {
        static let columns: [ColumnName] = ["id", "a\nb"]
        static let identity: RecordIdentity? = RecordIdentity(id: "id", time: "a\nb")

        func encode(to row: inout RowEncoder) {}
    }

    @Test func `an identity that could not be read is refused`() {
        func open(_ type: (some ClickHouseRecord).Type) throws {
            let configuration = BatchWriterConfiguration(spoolPath: "/absent/x", urls: ["http://a"], table: "t")
            try open(type, configuration)
        }
        func open<Record: ClickHouseRecord>(_: Record.Type, _ configuration: BatchWriterConfiguration) throws {
            _ = try BatchWriter<Record>(configuration: configuration, logger: LogRecorder().logger)
        }
        #expect((#expect(throws: WriterError.self) { try open(Unnamed.self) })?.message.contains("\"b\"") == true)
        #expect((#expect(throws: WriterError.self) { try open(Quoted.self) })?.code == .invalidConfiguration)
        #expect((#expect(throws: WriterError.self) { try open(Accented.self) })?.code == .invalidConfiguration)
        #expect((#expect(throws: WriterError.self) { try open(ControlCharacter.self) })?.code == .invalidConfiguration)
    }

    @Test func `a configuration that cannot work is refused before anything is made`() async throws {
        let breakers: [(inout BatchWriterConfiguration) -> Void] = [
            { $0.urls = [] }, { $0.urls = ["localhost"] }, { $0.table = "" }, { $0.database = "" },
            { $0.maxBatchSize = 0 },
            { $0.maxBatchBytes = 0 }, { $0.maxRecordBytes = 0 }, { $0.flushInterval = .zero },
            { $0.requestTimeout = .zero },
            { $0.minRetryDelay = .zero }, { $0.maxRetryDelay = .milliseconds(1) },
            { $0.shutdownTimeout = .seconds(-1) },
            { $0.password = "a\nb" }, { $0.user = "a\rb" }, { $0.urls = ["http://u:a%0Ab@a"] },
            { $0.urls = ["http://u:p@a", "http://v:p@b"] }, { $0.flushInterval = .seconds(Int64.max) },
            { $0.shutdownTimeout = .seconds(Int64.max) }, { $0.maxRecordBytes = 1 << 40 },
            { $0.catchUpBatchSize = 99 }, { $0.maxInFlight = 0 }, { $0.maxInFlight = 65 },
        ]
        for breakIt in breakers {
            var configuration = BatchWriterConfiguration(
                spoolPath: "/absent/directory/x",
                urls: ["http://a"],
                table: "t"
            )
            breakIt(&configuration)
            let error = #expect(throws: WriterError.self) {
                try BatchWriter<Sample>(configuration: configuration, logger: LogRecorder().logger)
            }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test(arguments: [
        ("https://a", TLSFiles(certificateFile: "/c"), "needed together"),
        ("https://a", TLSFiles(keyFile: "/k"), "needed together"),
        ("http://a", TLSFiles(caFile: "/ca"), "no ClickHouse URL starts with https://"),
        ("http://a", TLSFiles(certificateFile: "/c", keyFile: "/k"), "no ClickHouse URL starts with https://"),
        ("https://a", TLSFiles(caFile: "/absent/ca"), "\"/absent/ca\" cannot be used: No such file"),
    ])
    func `TLS files that cannot be used are refused, and what is wrong is said`(
        url: String,
        files: TLSFiles,
        reason: String
    ) {
        var configuration = BatchWriterConfiguration(spoolPath: "/absent/directory/x", urls: [url], table: "t")
        configuration.tlsCAFile = files.caFile
        configuration.tlsCertificateFile = files.certificateFile
        configuration.tlsKeyFile = files.keyFile
        let error = #expect(throws: WriterError.self) {
            try BatchWriter<Sample>(configuration: configuration, logger: LogRecorder().logger)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(reason) == true)
    }

    @Test func `no description of a configuration shows the password`() {
        let configuration = BatchWriterConfiguration(
            spoolPath: "s",
            urls: [],
            table: "t",
            user: "u",
            password: "hunter2"
        )
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
        }
    }
}

@Suite struct ResendPolicyTests {
    private static func profile(_ guarantee: Guarantee, canReconcile: Bool = true) -> DestinationProfile {
        DestinationProfile(version: "26.9", guarantee: guarantee, canReconcile: canReconcile)
    }

    @Test(arguments: [
        (nil, Duration.zero, ResendPolicy.Decision.sameToken),
        (profile(.token(window: nil)), .seconds(59), .sameToken),
        // Other writers' batches push it out of the window, however long that lasts.
        (profile(.token(window: nil)), .seconds(60), .reconcile),
        (profile(.token(window: .seconds(3_600))), .seconds(60), .reconcile),
        // The clock was set back: nobody knows how old it is.
        (profile(.token(window: .seconds(3_600))), .seconds(-1), .reconcile),
        (profile(.token(window: .seconds(3_600)), canReconcile: false), .seconds(9_999), .sameToken),
        (profile(.reconciliation(reason: "plain")), .zero, .reconcile),
        (profile(.atLeastOnce(reason: "plain"), canReconcile: false), .zero, .sameToken),
    ])
    func `a batch that may be stored goes again under its token, or what is missing of it`(
        destination: DestinationProfile?,
        age: Duration,
        decision: ResendPolicy.Decision
    ) {
        #expect(ResendPolicy.decide(destination, age: age) == decision)
    }
}

@Suite struct BatchSizingTests {
    @Test func `sizes double with each full batch, end at the most, and halve when one is too large`() {
        var sizing = BatchSizing(usual: 100, most: 1_000)
        var sizes: [Int] = []
        for _ in 0..<6 {
            sizes.append(sizing.maxRecords(pending: 401))
            sizing.grow(after: sizes[sizes.count - 1])
        }
        #expect(sizes == [100, 200, 400, 800, 1_000, 1_000])
        sizing.shrink()
        #expect(sizing.maxRecords(pending: 401) == 500)
        sizing.grow(after: 100)
        #expect(sizing.maxRecords(pending: 401) == 500, "a small batch shows nothing")
        #expect(sizing.maxRecords(pending: 400) == 100, "without a backlog batches are as usual")
        for _ in 0..<9 { sizing.shrink() }
        #expect(sizing.maxRecords(pending: 401) == 100)
    }

    @Test func `turned off, no batch is larger than usual`() {
        var sizing = BatchSizing(usual: 100, most: 0)
        for _ in 0..<9 { sizing.grow(after: 100) }
        #expect(sizing.maxRecords(pending: 1_000_000) == 100)
    }
}
