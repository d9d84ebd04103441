internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import Foundation
internal import HTTPTypes
internal import NIOCore
internal import NIOFoundationEssentialsCompat
internal import NIOHTTP1

/// Answers a chat completion with its last message, word by word when streamed, and nothing else. For trying the proxy
/// without a provider.
struct EchoProvider: Provider {
    let name = "echo"
    var redaction: Redaction? { nil }

    /// Decoding a longer body would keep a thread from others.
    private static let maxBytes = 256 << 10

    private struct Conversation: Decodable {
        struct Message: Decodable {
            /// Text, or parts of which some are text.
            var content: String

            private enum CodingKeys: CodingKey {
                case content
            }

            private struct Part: Decodable {
                var text: String?
            }

            init(from decoder: any Decoder) throws {
                let message = try decoder.container(keyedBy: CodingKeys.self)
                if let parts = try? message.decode([Part].self, forKey: .content) {
                    content = parts.compactMap(\.text).joined(separator: " ")
                } else {
                    content = try message.decodeIfPresent(String.self, forKey: .content) ?? ""
                }
            }
        }

        var messages: [Message]
    }

    func send(_ request: ProviderRequest) async throws(ProviderError) -> HTTPClientResponse {
        guard request.body.readableBytes <= Self.maxBytes else {
            return refuse(.payloadTooLarge, "The built-in echo reads at most \(Self.maxBytes) bytes")
        }
        let text = request.body.takeAll()
        var chat = RequestJSON()
        try? chat.scan(text)
        guard request.method == .post, request.target.path == "/v1/chat/completions", chat.isObject else {
            return refuse(.notFound, "The built-in echo answers POST /v1/chat/completions only")
        }
        let conversation = try? JSONDecoder().decode(Conversation.self, from: Data(buffer: text))
        let words = conversation?.messages.last?.content.split(separator: " ").map(String.init) ?? []
        let usage = Completion.Usage(promptTokens: words.count, completionTokens: words.count)
        let model = chat.model ?? ""
        return chat.isStreaming == true
            ? stream(words, usage: chat.asksForUsage ? usage : nil, model: model)
            : answer(words.joined(separator: " "), usage: usage, model: model)
    }

    private func refuse(_ status: HTTPResponseStatus, _ reason: String) -> HTTPClientResponse {
        HTTPClientResponse(status: status, body: .bytes(ByteBuffer(string: #"{"error":{"message":"\#(reason)"}}"#)))
    }

    private func answer(_ text: String, usage: Completion.Usage, model: String) -> HTTPClientResponse {
        let choice = Completion.Choice(
            message: Completion.Message(role: "assistant", content: text),
            finishReason: "stop"
        )
        let body = encode(
            Completion(object: "chat.completion", model: model, choices: [choice], usage: usage)
        )
        return HTTPClientResponse(
            status: .ok,
            headers: ["Content-Type": "application/json", "Content-Length": "\(body.readableBytes)"],
            body: .bytes(body)
        )
    }

    private func stream(_ words: [String], usage: Completion.Usage?, model: String) -> HTTPClientResponse {
        let deltas = words.enumerated().map { index, word in
            Completion.Choice(delta: Completion.Message(content: index == 0 ? word : " " + word))
        }
        let end = Completion.Choice(delta: Completion.Message(), finishReason: "stop")
        var events = (deltas + [end]).map { choice in
            encode(Completion(object: "chat.completion.chunk", model: model, choices: [choice]))
        }
        if let usage {
            events.append(
                encode(Completion(object: "chat.completion.chunk", model: model, choices: [], usage: usage))
            )
        }
        events.append(ByteBuffer(string: "[DONE]"))
        let lines = events.map { ByteBuffer(string: "data: \(String(buffer: $0))\n\n") }
        return HTTPClientResponse(
            status: .ok,
            headers: ["Content-Type": "text/event-stream"],
            body: .stream(lines.async)
        )
    }

    private func encode(_ completion: Completion) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        // Strings and numbers always encode.
        return ByteBuffer(data: (try? encoder.encode(completion)) ?? Data())
    }
}

/// As much of OpenAI's response as the echo fills.
private struct Completion: Encodable {
    struct Message: Encodable {
        var role: String?
        var content: String?
    }

    struct Choice: Encodable {
        var index = 0
        var message: Message?
        var delta: Message?
        var finishReason: String?
    }

    struct Usage: Encodable {
        var promptTokens: Int
        var completionTokens: Int
        var totalTokens: Int

        init(promptTokens: Int, completionTokens: Int) {
            self.promptTokens = promptTokens
            self.completionTokens = completionTokens
            totalTokens = promptTokens + completionTokens
        }
    }

    var id = "chatcmpl-\(UUID().uuidString.lowercased())"
    var object: String
    var created = Int(Date().timeIntervalSince1970)
    var model: String
    var choices: [Choice]
    var usage: Usage?
}

extension Array where Element: Sendable {
    fileprivate var async: AsyncStream<Element> {
        AsyncStream { continuation in
            for element in self { continuation.yield(element) }
            continuation.finish()
        }
    }
}
