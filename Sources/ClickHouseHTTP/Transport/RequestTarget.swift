internal import Foundation

/// What a request asks of a server: a path and a query, in the one spelling that no server reads as another path.
///
/// Servers differ in what they make of `//`, of dots, of `;` and of `%2e`. A path with any of these is refused, so that
/// nobody who looks at it, we or the server, sees another one.
package struct RequestTarget: Sendable, Equatable {
    /// Percent-encoded, as it was given. Begins with `/`, and ends with it only when that is all.
    package let path: String

    /// Percent-encoded; nil when there is no `?`.
    package let query: String?

    /// The path as the most lenient server would read it: decoded, in lower case, without dots and spaces at the ends
    /// of its segments.
    private let folded: [UInt8]

    package var text: String { query.map { "\(path)?\($0)" } ?? path }

    /// - Parameter text: a request line's target, as it was sent.
    /// - Throws: ``InvalidTarget`` when it is not in origin form (RFC 9112, section 3.2.1), or can be read in two ways.
    package init(_ text: String) throws(InvalidTarget) {
        guard Self.isOriginForm(text) else { throw .notOriginForm }
        let bytes = Array(text.utf8)
        let path = bytes.prefix { $0 != UInt8(ascii: "?") }
        folded = try Self.fold(try Self.decode(path))
        self.path = String(decoding: path, as: UTF8.self)
        query = try path.count == bytes.count ? nil : Self.encodeQuery(bytes[(path.count + 1)...])
    }

    /// Whether `text` is visible ASCII that begins with `/`, and has no fragment.
    package static func isOriginForm(_ text: String) -> Bool {
        text.utf8.first == UInt8(ascii: "/")
            && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") }
    }

    /// Whether some server may read the path as `known`, though it is not the same byte for byte.
    ///
    /// - Parameter known: a path in lower case, with nothing in it to be decoded.
    package func isOtherSpelling(of known: String) -> Bool {
        folded.elementsEqual(known.utf8) && !path.utf8.elementsEqual(known.utf8)
    }

    // MARK: Path

    /// Decoded once. What needs no encoding must not have one, and nothing may be encoded that a server could take for
    /// the end of a path or a second encoding.
    private static func decode(_ path: ArraySlice<UInt8>) throws(InvalidTarget) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(path.count)
        var rest = path
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                let value = try takeEncoded(&rest)
                guard value >= 0x20, value != 0x7f, !isUnreserved(value), !#"%;?#\"#.utf8.contains(value) else {
                    throw .encoding
                }
                decoded.append(value)
            } else {
                guard isUnreserved(byte) || "!$&'()*+,=:@/".utf8.contains(byte) else { throw .character }
                decoded.append(byte)
            }
        }
        return decoded
    }

    private static func fold(_ decoded: [UInt8]) throws(InvalidTarget) -> [UInt8] {
        if decoded == [UInt8(ascii: "/")] { return decoded }
        var folded: [UInt8] = []
        folded.reserveCapacity(decoded.count)
        let segments = try foldLetters(decoded).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for segment in segments.dropFirst() {
            guard !segment.isEmpty else { throw .emptySegment }
            let isDotOrSpace = { (byte: UInt8) in byte == UInt8(ascii: ".") || byte == UInt8(ascii: " ") }
            guard let first = segment.firstIndex(where: { !isDotOrSpace($0) }),
                let last = segment.lastIndex(where: { !isDotOrSpace($0) })
            else { throw .dots }
            folded.append(UInt8(ascii: "/"))
            folded.append(contentsOf: segment[first...last])
        }
        return folded
    }

    /// In lower case, and each character that stands for an ASCII one, like a full-width solidus, as that.
    private static func foldLetters(_ decoded: [UInt8]) throws(InvalidTarget) -> [UInt8] {
        if decoded.allSatisfy({ $0 < 0x80 }) {
            return decoded.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        }
        guard let text = String(validating: decoded, as: UTF8.self),
            !text.unicodeScalars.contains(where: { (0x80..<0xa0).contains($0.value) })
        else { throw .encoding }
        return Array(text.precomposedStringWithCompatibilityMapping.uppercased().lowercased().utf8)
    }

    // MARK: Query

    /// What clients write unencoded though RFC 3986 does not let them, like `include[]=x`, is encoded.
    private static func encodeQuery(_ query: ArraySlice<UInt8>) throws(InvalidTarget) -> String {
        var encoded = ""
        var rest = query
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                let digits = rest.prefix(2)
                _ = try takeEncoded(&rest)
                encoded += "%" + String(decoding: digits, as: UTF8.self)
            } else if isUnreserved(byte) || "!$&'()*+,;=:@/?".utf8.contains(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += "%" + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    // MARK: Bytes

    /// - Parameter rest: what stands behind a `%`; its two digits are taken.
    private static func takeEncoded(_ rest: inout ArraySlice<UInt8>) throws(InvalidTarget) -> UInt8 {
        let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 2 else { throw .percent }
        rest = rest.dropFirst(2)
        return UInt8(digits[0] << 4 | digits[1])
    }

    private static let unreserved = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8
    )

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        unreserved.contains(byte)
    }
}

/// Why a text is no request target: what the path, or the target, must be.
package enum InvalidTarget: String, Error, CustomStringConvertible {
    case notOriginForm =
        "must begin with / and hold visible ASCII only, with no scheme, host or fragment"
    case percent = "must have two hexadecimal digits behind every %"
    case encoding = #"must not encode letters, digits, - . _ ~, control characters, \ ; ? # %, or what is not UTF-8"#
    case character = #"must not hold \ ; " < > [ ] ^ ` { | }"#
    case emptySegment = "must not have // in it or / at its end; look for a / at the end of the client's base URL"
    case dots = "must not contain . or .."

    package var description: String { rawValue }
}
