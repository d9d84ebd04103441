internal import Crypto
package import Foundation

/// The keys that clients may use, as a file lists them: each by its SHA-256, so that reading the file lets nobody in.
///
///     # sha256 of the key                                               name         organisation, optional
///     4e9b9d5b9a7c…                                                     reports      3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f
///
/// The first two are what `sha256sum` prints. Keys must be random and long, as a fast hash protects no other.
package struct ClientKeyList: Sendable {
    package struct Key: Sendable, Equatable {
        /// For people; it is in no trace.
        package var name: String

        /// Whom its requests belong to; nil lets the request say it.
        package var orgID: UUID?

        package init(name: String, orgID: UUID? = nil) {
            self.name = name
            self.orgID = orgID
        }
    }

    /// Why a file is refused. Holds nothing of what is in it.
    package struct Refusal: Error, Equatable {
        /// From 1; nil when no line is at fault.
        package let line: Int?
        package let reason: String

        package var description: String { line.map { "line \($0) \(reason)" } ?? reason }
    }

    /// By the digest. A lookup takes a time that depends on the digests, but nobody can choose a key by its digest.
    private var keys: [[UInt8]: Key] = [:]

    package var count: Int { keys.count }

    /// Reads lines that end with a line feed, or with a carriage return and a line feed. Blank lines and those that begin
    /// with `#` are comments, and so is a byte order mark at the start.
    ///
    /// - Throws: ``Refusal`` for the first line that is no key's, and for a file without a key.
    package init(_ file: [UInt8]) throws(Refusal) {
        let text = file.starts(with: [0xef, 0xbb, 0xbf]) ? file.dropFirst(3) : file[...]
        var lines: [[UInt8]: Int] = [:]
        var rest = text
        var number = 0
        while !rest.isEmpty {
            number += 1
            let bytes = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest[bytes.endIndex...].dropFirst()
            do throws(Mistake) {
                guard let (digest, key) = try Self.parse(bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes)
                else { continue }
                if let first = lines.updateValue(number, forKey: digest) {
                    throw Mistake(reason: "has the key of line \(first) once more; remove one of the two")
                }
                keys[digest] = key
            } catch {
                throw Refusal(line: number, reason: error.reason)
            }
        }
        if keys.isEmpty { throw Refusal(line: nil, reason: "it lists no key") }
    }

    /// - Returns: nil for a key that is not listed, and for an empty one.
    package func find(_ key: some StringProtocol) -> Key? {
        key.isEmpty ? nil : keys[Self.digest(of: key)]
    }

    /// The SHA-256 of the key's UTF-8.
    package static func digest(of key: some StringProtocol) -> [UInt8] {
        Array(SHA256.hash(data: Array(key.utf8)))
    }

    private struct Mistake: Error {
        let reason: String
    }

    /// What a hash is made of when there is no key: nothing, or the line break that `echo` adds.
    private static let noKeys = ["", "\n", "\r\n"].map { digest(of: $0) }

    /// - Returns: nil for a line without a key.
    private static func parse(_ line: ArraySlice<UInt8>) throws(Mistake) -> (digest: [UInt8], key: Key)? {
        guard let text = String(validating: line, as: UTF8.self) else { throw Mistake(reason: "is not UTF-8 text") }
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = words.first, first.first != UInt8(ascii: "#") else { return nil }
        guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control && $0 != "\t" }) else {
            throw Mistake(reason: "holds a control character; write the file as plain text")
        }
        guard let digest = digest(hex: first), (2...3).contains(words.count) else {
            throw Mistake(
                reason: "must be a key's SHA-256, a name and perhaps an organisation's UUID;"
                    + #" the first two are printed by: [ -n "$KEY" ] && printf %s "$KEY" | sha256sum"#
            )
        }
        guard !noKeys.contains(digest) else {
            throw Mistake(
                reason: "is the hash of an empty key, as if KEY was not set;"
                    + #" make one by: [ -n "$KEY" ] && printf %s "$KEY" | sha256sum"#
            )
        }
        let orgID = words.count == 3 ? UUID(uuidString: String(decoding: words[2], as: UTF8.self)) : nil
        guard words.count == 2 || orgID != nil else { throw Mistake(reason: "must name the organisation by its UUID") }
        return (digest, Key(name: String(decoding: words[1], as: UTF8.self), orgID: orgID))
    }

    private static func digest(hex: ArraySlice<UInt8>) -> [UInt8]? {
        let digits = hex.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard hex.count == 2 * SHA256.byteCount, digits.count == hex.count else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
