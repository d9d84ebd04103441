/// How many tokens a response says that it took, by the names that OpenAI's APIs and Anthropic's give them.
struct Usage: Equatable {
    var input: UInt32?
    var output: UInt32?
    private var givenTotal: UInt32?

    /// What is charged; the sum where the provider names none.
    var total: UInt32? {
        if let givenTotal { return givenTotal }
        guard input != nil || output != nil else { return nil }
        let (sum, isTooMuch) = (input ?? 0).addingReportingOverflow(output ?? 0)
        return isTooMuch ? .max : sum
    }

    init(input: UInt32?, output: UInt32?, total: UInt32? = nil) {
        self.input = input
        self.output = output
        givenTotal = total
    }

    /// - Returns: nil when the object at the path is none.
    init?(_ text: JSONScanner, at path: String) {
        guard text[path]?.kind == .object else { return nil }
        // What is no count of tokens is as good as absent, and takes none of the others with it.
        func count(_ name: String) -> UInt32? { text["\(path).\(name)"]?.count }
        input = count("prompt_tokens") ?? count("input_tokens")
        output = count("completion_tokens") ?? count("output_tokens")
        givenTotal = count("total_tokens")
    }

    static let names = ["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"]

    /// Takes over what a later event of the same stream says.
    mutating func update(_ later: Usage) {
        input = later.input ?? input
        output = later.output ?? output
        givenTotal = later.givenTotal ?? givenTotal
    }
}
