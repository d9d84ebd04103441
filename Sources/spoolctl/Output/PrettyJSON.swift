/// JSON on several lines, each number and string as it stands in the text: for people to read.
struct PrettyJSON {
    private var bytes: [UInt8] = []
    private var depth: Int

    /// What is deeper is not moved further to the right: it would be no more readable, and take memory without bound.
    private static let maxIndent = 20

    /// - Parameter json: sound JSON.
    init(_ json: String, indent: Int = 0) {
        depth = indent
        var isInString = false
        var isEscaped = false
        var previous: UInt8?
        // Not characters: an accent joins the quote before it.
        for byte in json.utf8 {
            if isInString {
                bytes.append(byte)
                isInString = byte != UInt8(ascii: "\"") || isEscaped
                isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            } else if byte > UInt8(ascii: " ") {
                add(byte, after: previous)
                isInString = byte == UInt8(ascii: "\"")
                previous = byte
            }
        }
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    private mutating func add(_ byte: UInt8, after previous: UInt8?) {
        let isEmpty = previous == UInt8(ascii: "{") || previous == UInt8(ascii: "[")
        switch byte {
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if !isEmpty { breakLine() }
            bytes.append(byte)
        default:
            if isEmpty { breakLine() }
            bytes.append(byte)
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { depth += 1 }
            if byte == UInt8(ascii: ",") { breakLine() }
            if byte == UInt8(ascii: ":") { bytes.append(UInt8(ascii: " ")) }
        }
    }

    private mutating func breakLine() {
        bytes.append(UInt8(ascii: "\n"))
        bytes += repeatElement(UInt8(ascii: " "), count: 2 * min(max(depth, 0), Self.maxIndent))
    }
}
