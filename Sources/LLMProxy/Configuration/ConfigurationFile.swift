internal import ClickHouseHTTP

/// A file that an option names. What is wrong with one is said without what is in it.
struct ConfigurationFile {
    let bytes: [UInt8]
    private let path: String
    private let option: String

    /// - Throws: ``ProxyConfiguration/Invalid`` when it cannot be read.
    init(_ path: String, of option: String) throws(ProxyConfiguration.Invalid) {
        self.path = path
        self.option = option
        do throws(SmallFile.Unreadable) {
            bytes = try SmallFile.read(path)
        } catch {
            throw ProxyConfiguration.Invalid(description: "\(option) names \"\(path)\": \(error.reason)")
        }
    }

    /// - Throws: ``ProxyConfiguration/Invalid`` when it is not UTF-8.
    func text() throws(ProxyConfiguration.Invalid) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw invalid("it is not UTF-8 text") }
        return text
    }

    func invalid(_ reason: String) -> ProxyConfiguration.Invalid {
        ProxyConfiguration.Invalid(description: "\(option) names \"\(path)\": \(reason)")
    }
}
