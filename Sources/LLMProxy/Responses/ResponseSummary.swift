/// A response, or an event of a stream, as far as the proxy reads it.
struct ResponseSummary: Decodable {
    /// What the Responses API and Anthropic's put into `response` or `message`.
    private struct Core: Decodable {
        private enum CodingKeys: CodingKey {
            case model
            case usage
            case error
        }

        var model: String?
        var usage: Usage?
        var isError: Bool

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            // What is of another type is as good as absent.
            model = try? container.decode(String.self, forKey: .model)
            usage = try? container.decode(Usage.self, forKey: .usage)
            isError = container.contains(.error) && (try? container.decodeNil(forKey: .error)) == false
        }
    }

    private struct Ignored: Decodable {
        init(from decoder: any Decoder) {}
    }

    private enum CodingKeys: CodingKey {
        case response
        case message
        case choices
    }

    var model: String?
    var usage: Usage?

    /// Whether it tells of an error.
    var isError: Bool

    /// Whether it has a list of choices, and nothing in it.
    var hasNoChoice: Bool

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let inner =
            (try? container.decode(Core.self, forKey: .response))
            ?? (try? container.decode(Core.self, forKey: .message))
        let outer = try Core(from: decoder)
        model = outer.model ?? inner?.model
        usage = outer.usage ?? inner?.usage
        isError = outer.isError || inner?.isError ?? false
        hasNoChoice = (try? container.decode([Ignored].self, forKey: .choices))?.isEmpty ?? false
    }
}
