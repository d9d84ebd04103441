/// One line of JSON, built by hand: rows go into it as they are, so that no parser changes a number on the way, and what is
/// nil is there as null.
struct JSONObject {
    private var text: [UInt8] = [UInt8(ascii: "{")]

    var line: [UInt8] { text + [UInt8(ascii: "}")] }

    mutating func add(_ name: String, _ number: (some BinaryInteger)?) {
        add(name, json: Array((number.map { "\($0)" } ?? "null").utf8))
    }

    mutating func add(_ name: String, _ value: String?) {
        add(name, json: value.map(Self.quoted) ?? Array("null".utf8))
    }

    mutating func add(_ name: String, _ value: Bool) {
        add(name, json: Array("\(value)".utf8))
    }

    mutating func add(_ name: String, _ objects: [JSONObject]) {
        add(
            name,
            json: [UInt8(ascii: "[")] + objects.map(\.line).joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
        )
    }

    /// - Parameter json: any value's text, which goes in unchanged.
    mutating func add(_ name: String, json: [UInt8]) {
        if text.count > 1 { text.append(UInt8(ascii: ",")) }
        text += Self.quoted(name)
        text.append(UInt8(ascii: ":"))
        text += json
    }

    private static func quoted(_ value: String) -> [UInt8] {
        var text = "\""
        for scalar in value.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { text.unicodeScalars.append("\\") }
            text.unicodeScalars.append(scalar)
        }
        return Array(Paragraph.escaped(text + "\"").utf8)
    }
}
