internal import Crypto
internal import Foundation
internal import HTTPTypes

/// The keys that clients may use, as a file lists them: each by its SHA-256, so that reading the file lets nobody in.
///
///     # sha256 of the key                                               name         organisation, optional
///     4e9b9d5b9a7c…                                                     reports      3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f
///
/// The first two are what `sha256sum` prints. Keys must be random and long, as a fast hash protects no other.
struct ClientKeys: Sendable {
    struct Key: Sendable, Equatable {
        /// For people; it is in no trace.
        var name: String

        /// Whom its requests belong to; nil lets the request say it.
        var orgID: UUID?
    }

    private var keys: [(digest: [UInt8], key: Key)]

    /// - Throws: ``ProxyConfiguration/Invalid`` when the file cannot be read, or names no key, or a line is no key's.
    init(file path: String) throws(ProxyConfiguration.Invalid) {
        let file = try ConfigurationFile(path, of: "--client-keys")
        keys = []
        for (index, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            if words.isEmpty || line.hasPrefix("#") { continue }
            guard let digest = Self.digest(hex: words[0]), (2...3).contains(words.count) else {
                throw file.invalid(
                    "line \(index + 1) must be a key's SHA-256, a name and perhaps an organisation's UUID;"
                        + " the first two are printed by: printf %s \"$KEY\" | sha256sum"
                )
            }
            let orgID = words.count == 3 ? UUID(uuidString: words[2]) : nil
            guard words.count == 2 || orgID != nil else {
                throw file.invalid("line \(index + 1): the organisation must be a UUID")
            }
            keys.append((digest, Key(name: words[1], orgID: orgID)))
        }
        if keys.isEmpty { throw file.invalid("it lists no key") }
    }

    /// - Returns: the key that the request shows; nil when it shows none, or one that is not listed.
    func find(_ headers: HTTPFields) -> Key? {
        guard let shown = Self.shown(headers) else { return nil }
        let digest = SHA256.hash(data: Data(shown.utf8))
        var found: Key?
        // Every listed key is compared, each in constant time (swift-crypto's ==), so that the time it takes tells nothing.
        for (listed, key) in keys where digest == listed { found = key }
        return found
    }

    private static func shown(_ headers: HTTPFields) -> Substring? {
        guard let authorization = headers[.authorization] else { return headers[.xAPIKey].map { $0[...] } }
        let words = authorization.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return words[1]
    }

    private static func digest(hex: String) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard hex.utf8.count == 2 * SHA256.byteCount, digits.count == hex.utf8.count else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
