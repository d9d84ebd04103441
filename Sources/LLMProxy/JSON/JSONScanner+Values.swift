internal import Foundation

extension JSONScanner.Value {
    /// Nil when it is no string, not a valid one, or was too long to be kept.
    var string: String? {
        guard kind == .string, !isCut else { return nil }
        guard text.contains(where: { $0 == UInt8(ascii: "\\") || $0 < 0x20 }) else {
            return String(validating: text, as: UTF8.self)
        }
        // Short, and rare.
        return try? JSONDecoder().decode(String.self, from: Data("\"".utf8 + text + "\"".utf8))
    }

    /// Nil when it is neither true nor false.
    var bool: Bool? {
        isScalar("true") ? true : isScalar("false") ? false : nil
    }

    var isNull: Bool { isScalar("null") }

    /// Nil when it is no whole number that fits.
    var count: UInt32? {
        guard kind == .scalar, !isCut else { return nil }
        let text = String(decoding: text, as: UTF8.self)
        return UInt32(text) ?? Double(text).flatMap { UInt32(exactly: $0) }
    }

    private func isScalar(_ name: String) -> Bool {
        kind == .scalar && !isCut && text.elementsEqual(name.utf8)
    }
}
