internal import HTTPTypes
internal import ProxyRules
internal import Synchronization

/// The keys that clients may use, as `--client-keys` lists them. The file can be read anew while requests are served.
final class ClientKeys: Sendable {
    typealias Key = ClientKeyList.Key

    /// The option's value.
    let path: String

    private let list: Mutex<ClientKeyList>

    /// - Throws: ``ProxyConfiguration/Invalid`` when the file cannot be read, or names no key, or a line is no key's.
    init(file path: String) throws(ProxyConfiguration.Invalid) {
        self.path = path
        list = Mutex(try Self.read(path))
    }

    /// Reads the file anew. Blocks for as long as that takes.
    ///
    /// - Returns: how many keys there are now.
    /// - Throws: as the initializer does; the old keys stay in force.
    func reread() throws(ProxyConfiguration.Invalid) -> Int {
        let new = try Self.read(path)
        list.withLock { $0 = new }
        return new.count
    }

    /// - Returns: the key that the request shows; nil when it shows none, or one that is not listed.
    func find(_ headers: HTTPFields) -> Key? {
        Self.shown(headers).flatMap { shown in list.withLock(\.self).find(shown) }
    }

    private static func read(_ path: String) throws(ProxyConfiguration.Invalid) -> ClientKeyList {
        let file = try ConfigurationFile(path, of: "--client-keys")
        do throws(ClientKeyList.Refusal) {
            return try ClientKeyList(file.bytes)
        } catch {
            throw file.invalid(error.description)
        }
    }

    private static func shown(_ headers: HTTPFields) -> Substring? {
        guard let authorization = headers[.authorization] else { return headers[.xAPIKey].map { $0[...] } }
        let words = authorization.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return words[1]
    }
}
