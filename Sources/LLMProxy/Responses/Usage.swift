/// How many tokens a response says that it took, by the names that OpenAI's APIs and Anthropic's give them.
struct Usage: Decodable, Equatable {
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

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case promptTokens = "prompt_tokens"
        case completionTokens = "completion_tokens"
        case inputTokens = "input_tokens"
        case outputTokens = "output_tokens"
        case totalTokens = "total_tokens"
    }

    init(input: UInt32?, output: UInt32?, total: UInt32? = nil) {
        self.input = input
        self.output = output
        givenTotal = total
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        // What is no count of tokens is as good as absent, and takes none of the others with it.
        func count(_ key: CodingKeys) -> UInt32? { try? container.decode(UInt32.self, forKey: key) }
        input = count(.promptTokens) ?? count(.inputTokens)
        output = count(.completionTokens) ?? count(.outputTokens)
        givenTotal = count(.totalTokens)
    }

    /// Takes over what a later event of the same stream says.
    mutating func update(_ later: Usage) {
        input = later.input ?? input
        output = later.output ?? output
        givenTotal = later.givenTotal ?? givenTotal
    }
}
