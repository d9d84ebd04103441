/// A value of the configuration that can be given as text: in the environment, or in a file of settings.
package struct Setting: Sendable {
    /// `maxBatchSize`, as in `clickhouse.maxBatchSize`.
    package let key: String

    /// What its text must be: `a whole number`.
    package let expectation: String

    let isSecret: Bool

    /// - Returns: whether the text could be read.
    let read: @Sendable (String, inout BatchWriterConfiguration) -> Bool

    package let show: @Sendable (BatchWriterConfiguration) -> String?

    /// `CLICKHOUSE_MAX_BATCH_SIZE`
    package var variable: String {
        Self.prefix + key.reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
    }

    static let prefix = "CLICKHOUSE_"

    /// Every setting, the necessary ones first.
    package static let all: [Setting] = [
        Setting("url", \.urls),
        Setting("user", \.user),
        Setting("password", \.password),
        Setting("database", \.database),
        Setting("table", \.table),
        Setting("spoolPath", \.spoolPath),
        Setting("durability", \.durability),
        Setting("allowsNetworkFileSystem", \.allowsNetworkFileSystem),
        Setting("redirects", \.redirects),
        Setting("maxSpoolBytes", \.maxSpoolBytes),
        Setting("maxRecords", \.maxRecords),
        Setting("whenFull", \.whenFull),
        Setting("maxAge", \.maxAge),
        Setting("maxRecordBytes", \.maxRecordBytes),
        Setting("maxBatchSize", \.maxBatchSize),
        Setting("flushInterval", \.flushInterval),
        Setting("maxBatchBytes", \.maxBatchBytes),
        Setting("catchUpBatchSize", \.catchUpBatchSize),
        Setting("maxInFlight", \.maxInFlight),
        Setting("reconciles", \.reconciles),
        Setting("lossyColumns", \.lossyColumns),
        Setting("requestTimeout", \.requestTimeout),
        Setting("minRetryDelay", \.minRetryDelay),
        Setting("maxRetryDelay", \.maxRetryDelay),
        Setting("shutdownTimeout", \.shutdownTimeout),
        Setting("compression", \.compression),
        Setting("tlsCaFile", \.tlsCAFile),
        Setting("tlsCertificateFile", \.tlsCertificateFile),
        Setting("tlsKeyFile", \.tlsKeyFile),
    ]

    private init<Value: SettingValue>(
        _ key: String,
        _ path: any WritableKeyPath<BatchWriterConfiguration, Value> & Sendable
    ) {
        self.key = key
        expectation = Value.expectation
        isSecret = Value.self == Secret?.self
        read = { text, configuration in
            guard let value = Value(settingText: text) else { return false }
            configuration[keyPath: path] = value
            return true
        }
        show = { $0[keyPath: path].settingText }
    }
}
