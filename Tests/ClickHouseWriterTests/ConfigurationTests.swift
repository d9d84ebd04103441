import ClickHouseHTTP
@testable import ClickHouseWriter
import Configuration
import TestSupport
import Testing

@Suite(.bounded) struct ConfigurationTests {
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
            "CLICKHOUSE_COMPRESSION": "gzip", "CLICKHOUSE_CATCH_UP_BATCH_SIZE": "10", "CLICKHOUSE_MAX_IN_FLIGHT": "11",
            "CLICKHOUSE_RECONCILES": "false", "CLICKHOUSE_MAX_SPOOL_BYTES": "12", "CLICKHOUSE_MAX_RECORDS": "13",
            "CLICKHOUSE_WHEN_FULL": "dropOldest", "CLICKHOUSE_MAX_AGE": "14s",
            "CLICKHOUSE_ALLOWS_NETWORK_FILE_SYSTEM": "true", "CLICKHOUSE_REDIRECTS": "true",
            "CLICKHOUSE_LOSSY_COLUMNS": "a, b c",
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
        #expect(read.catchUpBatchSize == 10)
        #expect(read.maxInFlight == 11)
        #expect(read.reconciles == false)
        #expect(read.maxSpoolBytes == 12)
        #expect(read.maxRecords == 13)
        #expect(read.whenFull == .dropOldest)
        #expect(read.maxAge == .seconds(14))
        #expect(read.allowsNetworkFileSystem)
        #expect(read.redirects)
        #expect(read.lossyColumns == ["a", "b c"])
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

    /// A configuration, and what its error must say.
    private static let wrong: [(breakIt: @Sendable (inout BatchWriterConfiguration) -> Void, message: String)] = [
        ({ $0.urls = [] }, "like http://localhost:8123"),
        ({ $0.urls = ["localhost"] }, "no http:// or https:// in front"),
        ({ $0.urls = ["http://a", "ftp://b"] }, "ClickHouse URL 2: it must start with http:// or https://"),
        ({ $0.urls = ["http://a:70000"] }, "ports are from 1 to 65535"),
        ({ $0.table = "" }, "table (CLICKHOUSE_TABLE) is empty"),
        ({ $0.database = "" }, "database (CLICKHOUSE_DATABASE) is empty"),
        ({ $0.spoolPath = "" }, "spoolPath (CLICKHOUSE_SPOOL_PATH) is \"\"; it must be the path of a file"),
        ({ $0.spoolPath = "/tmp/" }, "must be the path of a file"),
        ({ $0.maxBatchSize = 0 }, "maxBatchSize (CLICKHOUSE_MAX_BATCH_SIZE) is 0; it must be at least 1"),
        ({ $0.maxBatchBytes = 0 }, "must be from 1 to 268435456"),
        ({ $0.maxRecordBytes = 0 }, "must be from 1 to 268435456"),
        ({ $0.maxRecordBytes = 1 << 40 }, "must be from 1 to 268435456"),
        ({ $0.maxSpoolBytes = 1 }, "at least 1048576, 1 MiB"),
        ({ $0.maxRecords = 0 }, "or absent for no limit"),
        ({ $0.flushInterval = .zero }, "flushInterval (CLICKHOUSE_FLUSH_INTERVAL) is 0s; it must be longer than zero"),
        ({ $0.requestTimeout = .zero }, "must be longer than zero"),
        ({ $0.minRetryDelay = .zero }, "must be longer than zero"),
        ({ $0.maxRetryDelay = .milliseconds(1) }, "is 1ms; it must be at least minRetryDelay, 500ms"),
        ({ $0.maxAge = .seconds(5) }, "must be longer than flushInterval, 5s"),
        ({ $0.shutdownTimeout = .seconds(-1) }, "is -1s; it must not be negative"),
        ({ $0.flushInterval = .seconds(Int64.max) }, "at most a year"),
        ({ $0.shutdownTimeout = .seconds(Int64.max) }, "at most a year"),
        ({ $0.catchUpBatchSize = 99 }, "is 99; it must be at least maxBatchSize, 100"),
        ({ $0.maxInFlight = 0 }, "must be from 1 to 64"),
        ({ $0.maxInFlight = 65 }, "must be from 1 to 64"),
        ({ $0.password = "a\nb" }, "control character"),
        ({ $0.user = "a\rb" }, "control character"),
        ({ $0.urls = ["http://u:a%0Ab@a"] }, "control character"),
        ({ $0.urls = ["http://u:p@a", "http://v:p@b"] }, "different users or passwords"),
    ]

    @Test(arguments: wrong.indices)
    func `a configuration that cannot work is refused before anything is made, and what to write is said`(
        index: Int
    ) {
        let (breakIt, message) = Self.wrong[index]
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
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
    }

    @Test func `everything that is wrong is said at once`() {
        let unreadable = #expect(throws: WriterError.self) {
            try configuration(["CLICKHOUSE_FLUSH_INTERVAL": "5", "CLICKHOUSE_DURABILITY": "some"])
        }
        for part in ["CLICKHOUSE_FLUSH_INTERVAL is \"5\"", "must be powerLoss or processCrash"] {
            #expect(unreadable?.message.contains(part) == true)
        }
        var impossible = BatchWriterConfiguration(spoolPath: "s", urls: ["a"], table: "")
        impossible.maxBatchSize = 0
        let error = #expect(throws: WriterError.self) { try impossible.validate() }
        for part in ["the ClickHouse URL", "table", "maxBatchSize"] {
            #expect(error?.message.contains(part) == true)
        }
    }

    @Test(arguments: [
        ("CLICKHOUSE_MAX_BATCHSIZE", "CLICKHOUSE_MAX_BATCH_SIZE"),
        ("CLICKHOUSE_MAXBATCHSIZE", "CLICKHOUSE_MAX_BATCH_SIZE"),
        ("CLICKHOUSE_BATCH_SIZE", "CLICKHOUSE_MAX_BATCH_SIZE"), ("CLICKHOUSE_ULR", "CLICKHOUSE_URL"),
        ("CLICKHOUSE_URLS", "CLICKHOUSE_URL"),
        ("CLICKHOUSE_PASSWORT", "CLICKHOUSE_PASSWORD"), ("CLICKHOUSE_FLUSH_INTERVALL", "CLICKHOUSE_FLUSH_INTERVAL"),
        ("CLICKHOUSE_TLS_KEYFILE", "CLICKHOUSE_TLS_KEY_FILE"), ("CLICKHOUSE_SPOOL", nil), ("CLICKHOUSE_HOST", nil),
        ("CLICKHOUSE_PORT", nil), ("CLICKHOUSE_DB", nil), ("CLICKHOUSE_", nil),
    ])
    func `a misspelt variable is found, and what it was meant to be`(name: String, likely: String?) {
        let unknown = BatchWriterConfiguration.unknownVariables(in: [name, "HOME", "CLICKHOUSE_URL"])
        #expect(unknown.map(\.name) == [name])
        #expect(unknown.first?.likely == likely)
        #expect(unknown.first?.description.contains(likely ?? "is ignored") == true)
    }

    @Test func `an environment is taken over, and what is misspelt or cannot be read in it is refused`() throws {
        var configuration = BatchWriterConfiguration(spoolPath: "s", urls: ["http://a"], table: "t")
        try configuration.apply(environment: ["CLICKHOUSE_TABLE": "x", "CLICKHOUSE_HOST": "other", "HOME": "/"])
        #expect(configuration.table == "x")
        let error = #expect(throws: WriterError.self) {
            try configuration.apply(environment: ["CLICKHOUSE_TABEL": "y", "CLICKHOUSE_MAX_IN_FLIGHT": "z"])
        }
        #expect(error?.message.contains("did you mean CLICKHOUSE_TABLE?") == true)
        #expect(error?.message.contains("CLICKHOUSE_MAX_IN_FLIGHT is \"z\"") == true)
    }

    @Test func `no setting is taken for an unknown one`() {
        #expect(BatchWriterConfiguration.unknownVariables(in: Setting.all.map(\.variable)).isEmpty)
        #expect(Set(Setting.all.map(\.variable)).count == Setting.all.count)
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
