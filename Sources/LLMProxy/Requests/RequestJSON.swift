internal import NIOCore

/// A request's JSON. Only what the proxy needs is read, and only what it must add is changed: every other byte goes to
/// the provider as the client wrote it.
struct RequestJSON {
    private let text: ByteBuffer
    private let members: JSONMembers

    /// - Returns: nil when it is no JSON object.
    init?(_ text: ByteBuffer) {
        guard let members = JSONMembers(text) else { return nil }
        self.text = text
        self.members = members
    }

    /// nil when there is none, or no text.
    var model: String? { decode("model") }

    /// nil when it is neither true nor false.
    var isStreaming: Bool? {
        guard let range = members["stream"] else { return false }
        return JSONMembers.decode(Bool?.self, text, range).map { $0 ?? false }
    }

    /// Whether the client itself asks for the usage at the end of a stream.
    var asksForUsage: Bool {
        guard let options = streamOptions, let range = options["include_usage"] else { return false }
        return JSONMembers.decode(Bool.self, text, range) ?? false
    }

    /// The text with what the proxy adds to it.
    ///
    /// - Parameters:
    ///   - usage: whether to ask for the usage at the end of a stream.
    ///   - directive: a message to put before all others, as JSON. Without a list of messages there is no place for it.
    func adding(usage: Bool, directive: String?) -> ByteBuffer {
        var edits: [JSONEdit] = []
        if usage { edits.append(usageEdit) }
        if let directive, let edit = directiveEdit(directive) { edits.append(edit) }
        return JSONEdit.apply(edits, to: text)
    }

    private var streamOptions: JSONMembers? {
        members["stream_options"].flatMap { JSONMembers(text, in: $0) }
    }

    private var usageEdit: JSONEdit {
        guard let range = members["stream_options"] else {
            return JSONEdit(first: #""stream_options":{"include_usage":true}"#, in: members)
        }
        guard let options = streamOptions else { return JSONEdit(range, #"{"include_usage":true}"#) }
        if let asked = options["include_usage"] { return JSONEdit(asked, "true") }
        return JSONEdit(first: #""include_usage":true"#, in: options)
    }

    private func directiveEdit(_ message: String) -> JSONEdit? {
        guard let range = members["messages"] else { return nil }
        let inside = text.readableBytesView.dropFirst(range.lowerBound).prefix(range.count)
        guard inside.first == UInt8(ascii: "[") else { return nil }
        let isEmpty = inside.dropFirst().first { !" \n\r\t".utf8.contains($0) } == UInt8(ascii: "]")
        return JSONEdit(range.lowerBound + 1..<range.lowerBound + 1, message + (isEmpty ? "" : ","))
    }

    private func decode<Value: Decodable>(_ name: String) -> Value? {
        members[name].flatMap { JSONMembers.decode(Value.self, text, $0) }
    }
}
