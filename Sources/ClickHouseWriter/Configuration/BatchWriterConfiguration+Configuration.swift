public import Configuration

extension BatchWriterConfiguration {
    /// Takes over the values that `config` has, and keeps the others.
    ///
    /// | key | in the environment | value |
    /// |---|---|---|
    /// | `clickhouse.url` | `CLICKHOUSE_URL` | one or more URLs, commas between them |
    /// | `clickhouse.user` | `CLICKHOUSE_USER` | text |
    /// | `clickhouse.password` | `CLICKHOUSE_PASSWORD` | text, a secret |
    /// | `clickhouse.tlsCaFile` | `CLICKHOUSE_TLS_CA_FILE` | path |
    /// | `clickhouse.tlsCertificateFile` | `CLICKHOUSE_TLS_CERTIFICATE_FILE` | path |
    /// | `clickhouse.tlsKeyFile` | `CLICKHOUSE_TLS_KEY_FILE` | path |
    /// | `clickhouse.compression` | `CLICKHOUSE_COMPRESSION` | `none` or `gzip` |
    /// | `clickhouse.database` | `CLICKHOUSE_DATABASE` | text |
    /// | `clickhouse.table` | `CLICKHOUSE_TABLE` | text |
    /// | `clickhouse.requestTimeout` | `CLICKHOUSE_REQUEST_TIMEOUT` | duration |
    /// | `clickhouse.minRetryDelay` | `CLICKHOUSE_MIN_RETRY_DELAY` | duration |
    /// | `clickhouse.maxRetryDelay` | `CLICKHOUSE_MAX_RETRY_DELAY` | duration |
    /// | `clickhouse.maxBatchSize` | `CLICKHOUSE_MAX_BATCH_SIZE` | records |
    /// | `clickhouse.catchUpBatchSize` | `CLICKHOUSE_CATCH_UP_BATCH_SIZE` | records |
    /// | `clickhouse.maxInFlight` | `CLICKHOUSE_MAX_IN_FLIGHT` | batches |
    /// | `clickhouse.reconciles` | `CLICKHOUSE_RECONCILES` | `true` or `false` |
    /// | `clickhouse.maxBatchBytes` | `CLICKHOUSE_MAX_BATCH_BYTES` | bytes |
    /// | `clickhouse.maxRecordBytes` | `CLICKHOUSE_MAX_RECORD_BYTES` | bytes |
    /// | `clickhouse.maxSpoolBytes` | `CLICKHOUSE_MAX_SPOOL_BYTES` | bytes |
    /// | `clickhouse.maxRecords` | `CLICKHOUSE_MAX_RECORDS` | records |
    /// | `clickhouse.whenFull` | `CLICKHOUSE_WHEN_FULL` | `reject` or `dropOldest` |
    /// | `clickhouse.maxAge` | `CLICKHOUSE_MAX_AGE` | duration |
    /// | `clickhouse.allowsNetworkFileSystem` | `CLICKHOUSE_ALLOWS_NETWORK_FILE_SYSTEM` | `true` or `false` |
    /// | `clickhouse.flushInterval` | `CLICKHOUSE_FLUSH_INTERVAL` | duration |
    /// | `clickhouse.shutdownTimeout` | `CLICKHOUSE_SHUTDOWN_TIMEOUT` | duration |
    /// | `clickhouse.spoolPath` | `CLICKHOUSE_SPOOL_PATH` | path |
    /// | `clickhouse.durability` | `CLICKHOUSE_DURABILITY` | `powerLoss` or `processCrash` |
    ///
    /// A duration is a whole number and its unit: `500ms`, `2s`, `1m`, `1h`.
    ///
    /// - Throws: ``WriterError/Code/invalidConfiguration`` naming the key when a value cannot be read.
    public mutating func apply(_ config: ConfigReader) throws(WriterError) {
        let keys = ConfigurationKeys(config.scoped(to: "clickhouse"))
        if let urls = keys.text("url") { self.urls = urls.split(separator: ",").map { $0.trimmed } }
        user = keys.text("user") ?? user
        password = keys.secret("password") ?? password
        tlsCAFile = keys.text("tlsCaFile") ?? tlsCAFile
        tlsCertificateFile = keys.text("tlsCertificateFile") ?? tlsCertificateFile
        tlsKeyFile = keys.text("tlsKeyFile") ?? tlsKeyFile
        compression = try keys.choice("compression") ?? compression
        database = keys.text("database") ?? database
        table = keys.text("table") ?? table
        spoolPath = keys.text("spoolPath") ?? spoolPath
        requestTimeout = try keys.duration("requestTimeout") ?? requestTimeout
        minRetryDelay = try keys.duration("minRetryDelay") ?? minRetryDelay
        maxRetryDelay = try keys.duration("maxRetryDelay") ?? maxRetryDelay
        flushInterval = try keys.duration("flushInterval") ?? flushInterval
        shutdownTimeout = try keys.duration("shutdownTimeout") ?? shutdownTimeout
        maxBatchSize = try keys.integer("maxBatchSize") ?? maxBatchSize
        catchUpBatchSize = try keys.integer("catchUpBatchSize") ?? catchUpBatchSize
        maxInFlight = try keys.integer("maxInFlight") ?? maxInFlight
        reconciles = try keys.boolean("reconciles") ?? reconciles
        maxBatchBytes = try keys.integer("maxBatchBytes") ?? maxBatchBytes
        maxRecordBytes = try keys.integer("maxRecordBytes") ?? maxRecordBytes
        maxSpoolBytes = try keys.integer("maxSpoolBytes") ?? maxSpoolBytes
        maxRecords = try keys.integer("maxRecords") ?? maxRecords
        whenFull = try keys.choice("whenFull") ?? whenFull
        maxAge = try keys.duration("maxAge") ?? maxAge
        allowsNetworkFileSystem = try keys.boolean("allowsNetworkFileSystem") ?? allowsNetworkFileSystem
        durability = try keys.choice("durability") ?? durability
    }
}

/// Reads values so that a wrong one is an error and not, as with the reader's own conversions, an absent one.
private struct ConfigurationKeys {
    private let config: ConfigReader

    init(_ config: ConfigReader) {
        self.config = config
    }

    /// An empty value is an absent one, as in `CLICKHOUSE_URL= llm-proxy`.
    func text(_ key: ConfigKey, isSecret: Bool = false) -> String? {
        config.string(forKey: key, isSecret: isSecret).flatMap { $0.isEmpty ? nil : $0 }
    }

    func secret(_ key: ConfigKey) -> Secret? {
        text(key, isSecret: true).map { Secret($0) }
    }

    func integer(_ key: ConfigKey) throws(WriterError) -> Int? {
        try parse(key, "a whole number") { Int($0) }
    }

    func boolean(_ key: ConfigKey) throws(WriterError) -> Bool? {
        try parse(key, "true or false") { Bool($0) }
    }

    func duration(_ key: ConfigKey) throws(WriterError) -> Duration? {
        try parse(key, "a duration like 500ms, 2s or 1m") { Duration(configurationValue: $0) }
    }

    /// One of the cases' names.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: ConfigKey) throws(WriterError) -> Choice? {
        let names = Choice.allCases.map(\.rawValue).joined(separator: " or ")
        return try parse(key, names) { Choice(rawValue: $0) }
    }

    private func parse<Value>(
        _ key: ConfigKey,
        _ expected: String,
        _ read: (String) -> Value?
    ) throws(WriterError) -> Value? {
        guard let text = text(key) else { return nil }
        guard let value = read(text.trimmed) else {
            let variable = "CLICKHOUSE_" + "\(key)".snakeCased.uppercased()
            throw WriterError(
                .invalidConfiguration,
                "clickhouse.\(key) (\(variable)) is \"\(text)\"; it must be \(expected)"
            )
        }
        return value
    }
}

extension Duration {
    /// `500ms`, `2s`, `1m` or `1h`; nil for anything else.
    init?(configurationValue text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), number <= 1_000_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "m": self = .seconds(number * 60)
        case "h": self = .seconds(number * 3_600)
        default: return nil
        }
    }
}

extension StringProtocol {
    /// `flushInterval` as `flush_Interval`.
    fileprivate var snakeCased: String {
        reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : "\($1)" }
    }

    fileprivate var trimmed: String {
        String(trimmingPrefix(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
