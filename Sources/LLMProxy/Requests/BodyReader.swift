internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// Reads a request's body into memory, within bounds, and what the proxy must know of its JSON on the way. So nothing of
/// a body is read twice, and no piece of it keeps a thread from others for long.
struct BodyReader: Sendable {
    /// The greatest body, in bytes. A larger one is 413, before any of it is read where it says its length.
    let maxBytes: Int

    /// Where there is no memory for a body it is 503.
    let memory: BodyMemory

    /// How much is read before other tasks have a turn: a few milliseconds, also in a debug build.
    private static let turnBytes = 256 << 10
    private static let retryAfterSeconds = 5

    /// - Returns: the body, and what its JSON says; nil where the request is none with JSON.
    func read(_ request: Request) async throws(OpenAIError) -> (HeldBody, RequestJSON?) {
        // A number that is too large for an `Int` is one, too.
        let total = request.headers[.contentLength].map { Int($0) ?? .max }
        let body = HeldBody(memory)
        var json = request.method == .post ? RequestJSON() : nil
        guard total ?? 0 <= maxBytes else { throw tooLarge }
        guard total ?? 0 <= memory.freeBytes else { throw Self.noMemory }
        var held = 0
        var unyielded = 0
        do {
            for try await part in request.body {
                guard part.readableBytes <= maxBytes - held else { throw tooLarge }
                guard body.append(part, after: held, of: total) else { throw Self.noMemory }
                held += part.readableBytes
                try Self.scan(part, &json)
                unyielded += part.readableBytes
                guard unyielded >= Self.turnBytes else { continue }
                unyielded = 0
                await Task.yield()
            }
        } catch let error as OpenAIError {
            throw error
        } catch {
            // A client that hangs up gets no answer, as in ``ProviderError/cancelled``.
            let status: HTTPResponse.Status = Task.isCancelled ? 499 : .badRequest
            throw OpenAIError(status, "request_incomplete", "The request could not be read to its end")
        }
        return (body, json?.isObject == true ? json : nil)
    }

    private static func scan(_ part: ByteBuffer, _ json: inout RequestJSON?) throws(OpenAIError) {
        do throws(JSONScanner.Problem) {
            try json?.scan(part)
        } catch {
            let limit =
                error == .tooDeep
                ? "is nested deeper than \(JSONScanner.maxDepth) levels"
                : "has more than \(JSONScanner.maxMembers) members"
            throw OpenAIError(.badRequest, "invalid_request", "The request's JSON \(limit)")
        }
    }

    private var tooLarge: OpenAIError {
        OpenAIError(.contentTooLarge, "request_too_large", "The request's body is larger than \(maxBytes) bytes")
    }

    private static let noMemory = OpenAIError(
        .serviceUnavailable,
        "too_many_bodies",
        "The proxy has no memory for another request's body now; try again in \(retryAfterSeconds) seconds",
        retryAfterSeconds: retryAfterSeconds
    )
}
