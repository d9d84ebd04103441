internal import Configuration

/// Reads settings and collects everything that is wrong with them. An empty one is an absent one.
struct SettingReader {
    let config: ConfigReader
    var problems: [String] = []

    init(_ config: ConfigReader) {
        self.config = config
    }

    func text(_ key: ConfigKey) -> String? {
        config.string(forKey: key).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// - Parameter name: what the one who wrote it calls it.
    /// - Returns: nil when it is absent or wrong.
    mutating func parse<Value>(
        _ key: ConfigKey,
        _ name: String,
        _ parse: (String, String) throws(ProxyConfiguration.Invalid) -> Value
    ) -> Value? {
        guard let text = text(key) else { return nil }
        do throws(ProxyConfiguration.Invalid) {
            return try parse(text, name)
        } catch {
            problems.append(error.description)
            return nil
        }
    }

    /// Leaves the value as it is when the setting is absent or wrong.
    mutating func take<Value>(
        _ key: ConfigKey,
        _ name: String,
        _ value: inout Value,
        _ parse: (String, String) throws(ProxyConfiguration.Invalid) -> Value
    ) {
        if let given = self.parse(key, name, parse) { value = given }
    }
}
