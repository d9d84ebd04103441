internal import Foundation
internal import Glibc

/// A file of text that an option names. What is wrong with one is said without what is in it.
struct ConfigurationFile {
    let text: String
    private let path: String
    private let option: String

    /// - Throws: ``ProxyConfiguration/Invalid`` when it cannot be read, or is not UTF-8.
    init(_ path: String, of option: String) throws(ProxyConfiguration.Invalid) {
        self.path = path
        self.option = option
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            let posix = (error as? CocoaError)?.underlying as? POSIXError
            // Safe: strerror's text is copied at once.
            let reason = posix.map { unsafe String(cString: strerror($0.code.rawValue)) } ?? "it cannot be read"
            throw ProxyConfiguration.Invalid(description: "\(option) names \"\(path)\": \(reason)")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw ProxyConfiguration.Invalid(description: "\(option) names \"\(path)\": it is not UTF-8 text")
        }
        self.text = text
    }

    func invalid(_ reason: String) -> ProxyConfiguration.Invalid {
        ProxyConfiguration.Invalid(description: "\(option) names \"\(path)\": \(reason)")
    }
}
