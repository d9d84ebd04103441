internal import NIOCore

/// Finds a few members of a JSON object while its text arrives piece by piece. Keeps of the text only the short values
/// that are looked for, so its memory has a bound, and its time grows with the text alone.
///
/// Objects in which members are looked for are read strictly. What is inside of any other value is not looked at, beyond
/// finding its end: brackets must match and strings must end. Of members with the same name the last one counts, as most
/// parsers have it.
struct JSONScanner {
    /// Why a text is not read.
    enum Problem: Error, Equatable {
        /// It is no JSON object.
        case malformed
        case tooDeep
        case tooManyMembers
    }

    struct Value: Equatable {
        enum Kind { case string, scalar, object, array }

        var kind: Kind

        /// From the beginning of the text. The end is the start until the value has ended.
        var range: Range<Int>

        /// Whether an object or array has nothing in it.
        var isEmpty = true

        /// A string without its quotes, or a number, `true`, `false` or `null`, as it is written: at most
        /// ``JSONScanner/maxTextBytes`` of it.
        var text: [UInt8] = []

        /// Whether the text was longer.
        var isCut = false
    }

    /// How many objects and arrays may be open at once. Foundation and most providers read no deeper JSON.
    static let maxDepth = 512

    /// How many members the objects may have together in which some are looked for. OpenAI's requests have 40.
    static let maxMembers = 1_024

    /// A longer value is not kept. A model's name of 500 bytes has at most 3,000 when each is written as `\u0061`.
    static let maxTextBytes = 4_096

    private enum State {
        case start, nameOrEnd, name, inName, colon, value, string, scalar, inside, afterValue, end
    }

    let names: JSONNames
    private var state = State.start
    private var problem: Problem?
    private var position = 0
    private var members = 0

    /// Whether parsers differ about the members that are looked for: one is there twice, or in another spelling, or a name is not
    /// ASCII.
    private(set) var isAmbiguous = false
    private var found: [Value?]

    /// The objects that are open in which members are looked for.
    private var objects: [Int] = []

    /// The closing brackets of what else is open.
    private var closing: [UInt8] = []

    /// The member whose value is being read; nil when it is not looked for.
    private var node: Int?
    private var name = JSONName()

    /// Whether the last byte of a string was a backslash.
    private var isEscaped = false

    /// Whether a string is open in what else is open.
    private var isInString = false

    init(_ names: JSONNames) {
        self.names = names
        found = Array(repeating: nil, count: names.count)
    }

    /// Whether the object has ended, and nothing is wrong with it.
    var isComplete: Bool { state == .end && problem == nil }

    /// The object itself.
    var root: Value? { found[0] }

    /// The member's value, as far as it has arrived.
    subscript(path: String) -> Value? {
        names.node(of: path).flatMap { found[$0] }
    }

    /// Forgets everything, for another text.
    mutating func reset() {
        state = .start
        problem = nil
        position = 0
        members = 0
        isAmbiguous = false
        for index in found.indices { found[index] = nil }
        objects.removeAll(keepingCapacity: true)
        closing.removeAll(keepingCapacity: true)
        node = nil
        isEscaped = false
    }

    /// Reads the next piece of the text. Does nothing after a problem but throw it again.
    mutating func scan(_ buffer: ByteBuffer) throws(Problem) {
        if let problem { throw problem }
        do throws(Problem) {
            try scan(buffer.readableBytesUInt8Span)
        } catch {
            problem = error
            throw error
        }
    }

    private mutating func scan(_ bytes: Span<UInt8>) throws(Problem) {
        var index = 0
        while index < bytes.count {
            switch state {
            case .inName: try scanName(bytes, &index)
            case .string: scanString(bytes, &index)
            case .scalar: scanScalar(bytes, &index)
            case .inside: try scanInside(bytes, &index)
            case .start, .nameOrEnd, .name, .colon, .value, .afterValue, .end:
                if !Self.isSpace(bytes[index]) { try take(bytes[index], at: position + index) }
                index += 1
                // The value's first byte is part of what is kept of it.
                if state == .scalar { index -= 1 }
            }
        }
        position += bytes.count
    }

    /// Reads a byte between names and values.
    private mutating func take(_ byte: UInt8, at place: Int) throws(Problem) {
        switch (state, byte) {
        case (.start, Self.openBrace): open(0, at: place)
        case (.nameOrEnd, Self.quote), (.name, Self.quote):
            members += 1
            guard members <= Self.maxMembers else { throw .tooManyMembers }
            name = JSONName()
            state = .inName
        case (.nameOrEnd, Self.closeBrace), (.afterValue, Self.closeBrace): closeObject(at: place)
        case (.colon, UInt8(ascii: ":")): state = .value
        case (.value, _): try beginValue(byte, at: place)
        case (.afterValue, UInt8(ascii: ",")): state = .name
        default: throw .malformed
        }
    }

    private mutating func beginValue(_ byte: UInt8, at place: Int) throws(Problem) {
        switch byte {
        case Self.quote: begin(.string, at: place)
        case Self.openBrace:
            guard let node, !names.children[node].isEmpty else { return try beginInside(.object, byte, at: place) }
            open(node, at: place)
        case UInt8(ascii: "["): try beginInside(.array, byte, at: place)
        case UInt8(ascii: ","), UInt8(ascii: "]"), Self.closeBrace: throw .malformed
        default: begin(.scalar, at: place)
        }
    }

    private mutating func begin(_ kind: Value.Kind, at place: Int) {
        if let node { found[node] = Value(kind: kind, range: place..<place) }
        isEscaped = false
        switch kind {
        case .string: state = .string
        case .scalar: state = .scalar
        case .object, .array: state = .inside
        }
    }

    private mutating func beginInside(_ kind: Value.Kind, _ byte: UInt8, at place: Int) throws(Problem) {
        begin(kind, at: place)
        isInString = false
        try push(byte)
    }

    private mutating func push(_ byte: UInt8) throws(Problem) {
        guard closing.count + objects.count < Self.maxDepth else { throw .tooDeep }
        // Two behind the opening one in ASCII, for both kinds of brackets.
        closing.append(byte + 2)
    }

    private mutating func open(_ node: Int, at place: Int) {
        found[node] = Value(kind: .object, range: place..<place)
        objects.append(node)
        state = .nameOrEnd
    }

    private mutating func closeObject(at place: Int) {
        node = objects.popLast()
        endValue(at: place + 1)
        if objects.isEmpty { state = .end }
    }

    private mutating func endValue(at end: Int) {
        if let node, let start = found[node]?.range.lowerBound { found[node]?.range = start..<end }
        if let parent = objects.last { found[parent]?.isEmpty = false }
        state = .afterValue
    }

    private mutating func scanName(_ bytes: Span<UInt8>, _ index: inout Int) throws(Problem) {
        while index < bytes.count {
            guard let isWhole = name.take(bytes[index]) else { throw .malformed }
            index += 1
            guard isWhole else { continue }
            let parent = objects.last ?? 0
            node = name.bytes.flatMap { names.child(of: parent, named: $0) }
            if !name.isASCII || name.bytes.map({ names.isOtherSpelling($0, in: parent) }) == true { isAmbiguous = true }
            if let node {
                if found[node] != nil { isAmbiguous = true }
                found[node] = nil
                for other in names.descendants[node] { found[other] = nil }
            }
            state = .colon
            return
        }
    }

    private mutating func scanString(_ bytes: Span<UInt8>, _ index: inout Int) {
        // Its opening quote has been read.
        let start = index
        while index < bytes.count {
            let byte = bytes[index]
            if isEscaped {
                isEscaped = false
            } else if byte == Self.backslash {
                isEscaped = true
            } else if byte == Self.quote {
                keep(bytes, start..<index)
                index += 1
                return endValue(at: position + index)
            }
            index += 1
        }
        keep(bytes, start..<index)
    }

    private mutating func scanScalar(_ bytes: Span<UInt8>, _ index: inout Int) {
        let start = index
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") || byte == Self.closeBrace || Self.isSpace(byte) {
                keep(bytes, start..<index)
                return endValue(at: position + index)
            }
            index += 1
        }
        keep(bytes, start..<index)
    }

    /// Reads on in an object or an array in which nothing is looked for.
    private mutating func scanInside(_ bytes: Span<UInt8>, _ index: inout Int) throws(Problem) {
        var isInString = isInString
        var isEscaped = isEscaped
        var isEmpty = true
        defer {
            self.isInString = isInString
            self.isEscaped = isEscaped
            if !isEmpty, let node { found[node]?.isEmpty = false }
        }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == Self.backslash {
                    isEscaped = true
                } else if byte == Self.quote {
                    isInString = false
                }
                continue
            }
            switch byte {
            case Self.quote:
                isInString = true
                isEmpty = false
            case Self.openBrace, UInt8(ascii: "["):
                try push(byte)
                isEmpty = false
            case Self.closeBrace, UInt8(ascii: "]"):
                guard closing.popLast() == byte else { throw .malformed }
                if closing.isEmpty { return endValue(at: position + index) }
            default: if !Self.isSpace(byte) { isEmpty = false }
            }
        }
    }

    private mutating func keep(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        guard let node, var value = found[node] else { return }
        // Not held twice, or appending would copy it.
        found[node] = nil
        let kept = min(range.count, Self.maxTextBytes - value.text.count)
        for index in range.prefix(kept) { value.text.append(bytes[index]) }
        value.isCut = value.isCut || kept < range.count
        found[node] = value
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static let openBrace = UInt8(ascii: "{")
    private static let closeBrace = UInt8(ascii: "}")

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\t")
    }
}
