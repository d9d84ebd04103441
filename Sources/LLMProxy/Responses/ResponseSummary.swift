/// A response, or an event of a stream, as far as the proxy reads it.
struct ResponseSummary {
    /// What it is read from. The Responses API and Anthropic's put it into `response` or `message`.
    static let names = JSONNames(
        ["choices", "response", "message"] + paths(in: "") + paths(in: "response.") + paths(in: "message.")
    )

    private static func paths(in object: String) -> [String] {
        ["model", "error", "usage"].map { object + $0 } + Usage.names.map { object + "usage." + $0 }
    }

    let model: String?
    let usage: Usage?

    /// Whether it tells of an error.
    let isError: Bool

    /// Whether it has a list of choices, and nothing in it.
    let hasNoChoice: Bool

    /// - Returns: nil when the text is no JSON object, or not all of one.
    init?(_ text: JSONScanner) {
        guard text.isComplete else { return nil }
        let inner = text["response"]?.kind == .object ? "response" : "message"
        model = text["model"]?.string ?? text["\(inner).model"]?.string
        usage = Usage(text, at: "usage") ?? Usage(text, at: "\(inner).usage")
        isError = [text["error"], text["\(inner).error"]].contains { $0.map { !$0.isNull } ?? false }
        hasNoChoice = text["choices"].map { $0.kind == .array && $0.isEmpty } ?? false
    }
}
