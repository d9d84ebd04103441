public import Configuration

extension BatchWriterConfiguration {
    /// Takes over the values that the variables of an environment have, `CLICKHOUSE_MAX_BATCH_SIZE=1000` for example, and
    /// keeps the others. <doc:Configuration> has every variable.
    ///
    /// - Parameter environment: usually `ProcessInfo.processInfo.environment`.
    /// - Throws: ``WriterError/Code/invalidConfiguration`` naming every variable whose value cannot be read, and every one
    ///   that looks like a misspelt setting. Those that can be read are taken over all the same.
    public mutating func apply(environment: [String: String]) throws(WriterError) {
        let provider = EnvironmentVariablesProvider(environmentVariables: environment)
        let misspelt = Self.unknownVariables(in: environment.keys).filter { $0.likely != nil }
        try WriterError.throwIfAny(applyWhatCanBeRead(ConfigReader(provider: provider)) + misspelt.map(\.description))
    }

    /// Takes over the values that `config` has, from the environment for example, and keeps the others.
    ///
    /// The keys, their types and defaults are in <doc:Configuration>. A duration is a whole number and its unit: `500ms`,
    /// `2s`, `1m`, `1h`. An empty value is an absent one.
    ///
    /// - Throws: ``WriterError/Code/invalidConfiguration`` naming every key whose value cannot be read. Those that can be
    ///   are taken over all the same.
    public mutating func apply(_ config: ConfigReader) throws(WriterError) {
        try WriterError.throwIfAny(applyWhatCanBeRead(config))
    }

    /// - Returns: what is wrong, one sentence for each value that cannot be read.
    package mutating func applyWhatCanBeRead(_ config: ConfigReader) -> [String] {
        let config = config.scoped(to: "clickhouse")
        var problems: [String] = []
        for setting in Setting.all {
            // As text: the reader's own conversions take a wrong value for an absent one.
            let text = config.string(forKey: ConfigKey(setting.key), isSecret: setting.isSecret) ?? ""
            if text.isEmpty || setting.read(text, &self) { continue }
            problems.append("\(setting.variable) is \"\(text)\"; it must be \(setting.expectation)")
        }
        return problems
    }
}
