internal import Foundation

/// Takes one secret out of texts that a server wrote, in the forms in which servers repeat what they were sent.
///
/// Found are: the secret itself; its letters escaped as in URLs, JSON, SQL, HTML and C, each on its own; base64 and
/// hexadecimal digits of it, also within a longer text like that of Basic authorization; and its beginning and end around
/// asterisks, dots and the like.
package struct Redaction: Sendable {
    private let secret: [UInt8]

    private let letters: [[[UInt8]]]

    /// What a run of base64's letters with the secret in it contains.
    private let base64: [[UInt8]]

    /// In lower case.
    private let hexadecimal: [UInt8]

    /// - Parameter user: the name that the secret belongs to; nil when there is none.
    package init(of secret: String, user: String? = nil) {
        self.secret = Array(secret.utf8)
        letters = secret.unicodeScalars.map(Self.forms)
        let pair = user.map { Base64.inner(Array("\($0):\(secret)".utf8), offset: 0) }
        // What is shorter would be found in many a word.
        base64 = ((0..<3).map { Base64.inner(Array(secret.utf8), offset: $0) } + [pair ?? []]).filter { $0.count >= 6 }
        let digits = Array("0123456789abcdef".utf8)
        hexadecimal = secret.utf8.count < 4 ? [] : secret.utf8.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    /// `text` with "…" in the secret's place.
    package func redact(_ text: String) -> String {
        if secret.isEmpty { return text }
        let bytes = Array(text.utf8)
        let found = spelled(in: bytes) + encoded(in: bytes) + masked(in: bytes)
        guard !found.isEmpty else { return text }
        var redacted: [UInt8] = []
        var end = 0
        for range in found.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.upperBound > end {
            if range.lowerBound >= end {
                redacted += bytes[end..<range.lowerBound]
                redacted += "…".utf8
            }
            end = range.upperBound
        }
        return String(decoding: redacted + bytes[end...], as: UTF8.self)
    }

    // MARK: Letter by letter

    private func spelled(in bytes: [UInt8]) -> [Range<Int>] {
        let firsts = Set(letters[0].compactMap(\.first))
        return bytes.indices.compactMap { start in
            guard firsts.contains(bytes[start]) else { return nil }
            var ends: Set = [start]
            for forms in letters {
                ends = Set(
                    ends.flatMap { end in forms.filter { bytes[end...].starts(with: $0) }.map { end + $0.count } }
                )
                if ends.isEmpty { return nil }
            }
            return ends.max().map { start..<$0 }
        }
    }

    private static func forms(of letter: Unicode.Scalar) -> [[UInt8]] {
        let bytes = Array(String(letter).utf8)
        let code = letter.value
        var texts: [String] = ["&#\(code);", "&#0\(code);"]
        func digits(_ number: some BinaryInteger, _ width: Int, radix: Int = 16, isUpperCase: Bool = false) -> String {
            let digits = String(number, radix: radix, uppercase: isUpperCase)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        for isUpperCase in [false, true] {
            let pairs = bytes.map { digits($0, 2, isUpperCase: isUpperCase) }
            let number = digits(code, 1, isUpperCase: isUpperCase)
            // The second is of what was escaped twice.
            texts += ["%", "%25", "\\x"].map { prefix in pairs.map { prefix + $0 }.joined() }
            texts += ["&#x\(number);", "\\u{\(number)}"]
            texts.append(String(letter).utf16.map { "\\u" + digits($0, 4, isUpperCase: isUpperCase) }.joined())
        }
        texts.append(bytes.map { "\\" + digits($0, 3, radix: 8) }.joined())
        let names: [Unicode.Scalar: String] = ["&": "amp", "<": "lt", ">": "gt", "\"": "quot", "'": "apos"]
        if let name = names[letter] { texts.append("&\(name);") }
        if letter == " " { texts.append("+") }
        if "'\"`".unicodeScalars.contains(letter) { texts.append("\(letter)\(letter)") }
        // Once, or twice where an escaped text was escaped again.
        if letter.isASCII, !letter.properties.isAlphabetic { texts += ["\\", "\\\\\\"].map { "\($0)\(letter)" } }
        return [bytes] + texts.map { Array($0.utf8) }
    }

    // MARK: Encoded

    /// All of the word that the secret is in: what stands beside it holds bits of it.
    private func encoded(in bytes: [UInt8]) -> [Range<Int>] {
        let plain = bytes.map {
            $0 == UInt8(ascii: "-") ? UInt8(ascii: "+") : $0 == UInt8(ascii: "_") ? UInt8(ascii: "/") : $0
        }
        let inBase64 = base64.flatMap { Self.words(with: $0, in: plain) }
        let lowerCase = bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        return inBase64 + Self.ranges(of: hexadecimal, in: lowerCase)
    }

    /// The runs of base64's letters that `part` is in. One run is walked once, however often it is in it.
    private static func words(with part: [UInt8], in bytes: [UInt8]) -> [Range<Int>] {
        var words: [Range<Int>] = []
        for range in ranges(of: part, in: bytes) where range.lowerBound >= words.last?.upperBound ?? 0 {
            var start = range.lowerBound
            while start > 0, Base64.isLetter(bytes[start - 1]) { start -= 1 }
            var end = range.upperBound
            while end < bytes.count, Base64.isLetter(bytes[end]) { end += 1 }
            words.append(start..<end)
        }
        return words
    }

    private static func ranges(of word: [UInt8], in bytes: [UInt8]) -> [Range<Int>] {
        guard let first = word.first else { return [] }
        return bytes.indices.filter { bytes[$0] == first && bytes[$0...].starts(with: word) }
            .map { $0..<$0 + word.count }
    }

    // MARK: Masked

    /// The fewest letters beside a mask that are taken for the secret's.
    private static let fewestShown = 3

    /// Each with how often it stands in a mask at least.
    private static let masks: [(letter: [UInt8], count: Int)] = [
        ("*", 2), ("•", 2), ("●", 2), ("…", 1), (".", 3), ("#", 3), ("x", 4), ("X", 4), ("_", 3), ("-", 3),
    ].map { (Array($0.0.utf8), $0.1) }

    private static let maskFirsts = Set(masks.compactMap(\.letter.first))

    private func masked(in bytes: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = 0
        while index < bytes.count {
            guard Self.maskFirsts.contains(bytes[index]),
                let mask = Self.masks.first(where: { bytes[index...].starts(with: $0.letter) })
            else {
                index += 1
                continue
            }
            var end = index
            while bytes[end...].starts(with: mask.letter) { end += mask.letter.count }
            if end - index >= mask.count * mask.letter.count {
                // The letter next to the mask first: a text may have thousands of masks.
                let before = (1...secret.count).last {
                    index > 0 && bytes[index - 1] == secret[$0 - 1]
                        && bytes[..<index].suffix($0).elementsEqual(secret.prefix($0))
                }
                let after = (1...secret.count).last {
                    end < bytes.count && bytes[end] == secret[secret.count - $0]
                        && bytes[end...].prefix($0).elementsEqual(secret.suffix($0))
                }
                let shown = (before ?? 0) + (after ?? 0)
                if shown >= Self.fewestShown { found.append(index - (before ?? 0)..<end + (after ?? 0)) }
            }
            index = end
        }
        return found
    }
}

private enum Base64 {
    private static let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=".utf8)

    static func isLetter(_ byte: UInt8) -> Bool { letters.contains(byte) }

    /// The letters that only `bytes` decide, when they begin `offset` bytes into a group of three.
    static func inner(_ bytes: [UInt8], offset: Int) -> [UInt8] {
        let whole = [UInt8](repeating: 0, count: offset) + bytes
        let encoded = Array(Data(whole).base64EncodedString().utf8)
        // A letter has 6 bits: those with bits of what stands before or behind are left out.
        let first = (offset * 8 + 5) / 6
        let last = whole.count * 8 / 6
        return first < last ? Array(encoded[first..<last]) : []
    }
}
