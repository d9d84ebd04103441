internal import AsyncHTTPClient
internal import struct ClickHouseHTTP.Redaction
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOHTTP1

/// Passes a provider's response on to the client, and ends the exchange when it is over.
struct Passage: Sendable {
    let exchange: Exchange

    /// Takes the proxy's own key out of headers and errors; nil when the provider was sent the client's.
    let redaction: Redaction?

    /// Whether a stream ends with the event `[DONE]`; one that ends without it was cut.
    var endsWithDone = false

    /// Whether a stream has an event with the usage that the client did not ask for.
    var hidesUsage = false

    /// A provider's error that is longer is not looked into.
    private static let maxErrorBytes = 64 << 10

    /// A provider's error that is not whole by then is not looked into.
    private static let errorTimeout = Duration.seconds(30)

    /// The response, its body passed on as it arrives and no faster than the client takes it.
    func pass(_ answer: HTTPClientResponse) -> Response {
        let observer = ResponseObserver(answer.headers, hidesUsage: hidesUsage)
        let length = answer.headers.first(name: "content-length").flatMap { Int($0) }
        exchange.note { $0.isStreaming = observer.stream != nil }
        return Response(
            status: HTTPResponse.Status(code: Int(answer.status.code)),
            headers: ForwardedHeaders.toClient(
                answer.headers,
                requestID: exchange.requestID,
                redaction: redaction
            ),
            body: ResponseBody(contentLength: observer.stream == nil ? length : nil) { writer in
                var observer = observer
                var left = length
                // A client may hang up as soon as it has all, before the connection says that it is.
                var isWhole = false
                // Whatever fails meanwhile is the client's connection, not the provider's.
                var isWriting = false
                do {
                    for try await part in answer.body {
                        let passed = observer.pass(part)
                        isWriting = true
                        if passed.readableBytes > 0 { try await writer.write(passed) }
                        isWriting = false
                        left = left.map { $0 - part.readableBytes }
                        isWhole = left == 0 || observer.stream?.isDone == true
                    }
                    // A body whose task is cancelled may end as if it were whole.
                    try Task.checkCancellation()
                    isWriting = true
                    let rest = observer.finish()
                    if rest.readableBytes > 0 { try await writer.write(rest) }
                    try await writer.finish(nil)
                    end(observer, nil)
                } catch {
                    end(observer, isWhole ? nil : isWriting ? .cancelled : ProviderError(error))
                    throw error
                }
            }
        )
    }

    /// The response to a request that the provider refused or failed at, in OpenAI's shape.
    func passError(_ answer: HTTPClientResponse) async -> Response {
        let body = await Self.readError(answer)
        let error = ProviderFault(status: answer.status, headers: answer.headers, body: body, redaction: redaction)
        exchange.end("provider_status_\(answer.status.code)")
        return error.response(requestID: exchange.requestID)
    }

    /// - Returns: nil when it is too long or takes too long.
    private static func readError(_ answer: HTTPClientResponse) async -> ByteBuffer? {
        await withTaskGroup(of: ByteBuffer?.self) { group in
            group.addTask { try? await answer.body.collect(upTo: maxErrorBytes) }
            group.addTask {
                try? await Task.sleep(for: errorTimeout)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    private func end(_ observer: ResponseObserver, _ error: ProviderError?) {
        let stream = observer.stream
        let (model, usage) = observer.summary
        exchange.note { draft in
            draft.usage = usage
            if draft.model.isEmpty { draft.model = model ?? "" }
        }
        if let error {
            exchange.end(exchange.answer(to: error).code)
        } else if stream?.isError == true {
            exchange.end("provider_error")
        } else if let stream, endsWithDone, !stream.isDone {
            exchange.end("provider_truncated")
        } else {
            exchange.end(nil)
        }
    }
}
