internal import NIOCore

/// A request's JSON, read while it arrives. Only what the proxy needs is read, and only what it must add is changed:
/// every other byte goes to the provider as the client wrote it.
struct RequestJSON {
    private static let names = JSONNames([
        "model", "stream", "stream_options", "stream_options.include_usage", "messages",
    ])

    private var scanner = JSONScanner(names)

    /// Reads the next piece.
    ///
    /// - Throws: ``JSONScanner/Problem/tooDeep`` and ``JSONScanner/Problem/tooManyMembers``. What is no JSON is no
    ///   error: ``isObject`` tells.
    mutating func scan(_ bytes: ByteBuffer) throws(JSONScanner.Problem) {
        do throws(JSONScanner.Problem) {
            try scanner.scan(bytes)
        } catch .malformed {
        }
    }

    /// Whether all that was read is a JSON object.
    var isObject: Bool { scanner.isComplete }

    /// Whether providers may read another request in it than the proxy does.
    var isAmbiguous: Bool { scanner.isAmbiguous }

    /// nil when there is none, or no text, or it is too long for any.
    var model: String? { scanner["model"]?.string }

    /// Whether it is far longer than any model's name.
    var isModelCut: Bool { scanner["model"]?.isCut == true }

    /// nil when it is neither true nor false.
    var isStreaming: Bool? {
        guard let value = scanner["stream"] else { return false }
        return value.isNull ? false : value.bool
    }

    /// Whether the client itself asks for the usage at the end of a stream.
    var asksForUsage: Bool { scanner["stream_options.include_usage"]?.bool ?? false }

    /// What the proxy adds to it.
    ///
    /// - Parameters:
    ///   - usage: whether to ask for the usage at the end of a stream.
    ///   - directive: a message to put before all others, as JSON. Without a list of messages there is no place for it.
    func edits(usage: Bool, directive: ByteBuffer?) -> [JSONEdit] {
        var edits: [JSONEdit] = []
        if usage, let root = scanner.root { edits.append(usageEdit(in: root)) }
        if let directive, let messages = scanner["messages"], messages.kind == .array {
            edits.append(JSONEdit(first: directive, in: messages))
        }
        return edits
    }

    private func usageEdit(in root: JSONScanner.Value) -> JSONEdit {
        guard let options = scanner["stream_options"] else {
            return JSONEdit(first: ByteBuffer(string: #""stream_options":{"include_usage":true}"#), in: root)
        }
        guard options.kind == .object else {
            return JSONEdit(options.range, ByteBuffer(string: #"{"include_usage":true}"#))
        }
        if let asked = scanner["stream_options.include_usage"] {
            return JSONEdit(asked.range, ByteBuffer(string: "true"))
        }
        return JSONEdit(first: ByteBuffer(string: #""include_usage":true"#), in: options)
    }
}
