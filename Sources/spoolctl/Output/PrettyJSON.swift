/// JSON on several lines, each number and string as it stands in the text: for people to read.
struct PrettyJSON {
    private(set) var text = ""
    private var depth = 0

    /// - Parameter json: sound JSON.
    init(_ json: String, indent: Int = 0) {
        depth = indent
        var isInString = false
        var isEscaped = false
        var previous: Character?
        for character in json {
            if isInString {
                text.append(character)
                isInString = character != "\"" || isEscaped
                isEscaped = character == "\\" && !isEscaped
            } else {
                add(character, after: previous)
                isInString = character == "\""
            }
            if isInString || !character.isWhitespace { previous = character }
        }
    }

    private mutating func add(_ character: Character, after previous: Character?) {
        let isEmpty = previous == "{" || previous == "["
        switch character {
        case "}", "]":
            depth -= 1
            if !isEmpty { breakLine() }
            text.append(character)
        case _ where character.isWhitespace: break
        default:
            if isEmpty { breakLine() }
            text.append(character)
            if character == "{" || character == "[" { depth += 1 }
            if character == "," { breakLine() }
            if character == ":" { text.append(" ") }
        }
    }

    private mutating func breakLine() {
        text += "\n" + String(repeating: "  ", count: depth)
    }
}
