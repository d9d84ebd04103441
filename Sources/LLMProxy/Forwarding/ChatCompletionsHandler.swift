internal import AsyncHTTPClient
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationEssentialsCompat
internal import NIOHTTP1

/// `POST /v1/chat/completions`: passes the request on, the response back, and records a trace when it is over.
struct ChatCompletionsHandler: Sendable {
    private static let bodyLimit = 32 << 20
    private static let modelLimit = 500

    let provider: any ChatProvider
    let recorder: TraceRecorder

    func handle(_ request: Request) async -> Response {
        let identity: RequestIdentity
        do throws(RequestIdentity.Invalid) {
            identity = try RequestIdentity(request.headers)
        } catch {
            return OpenAIError(status: .badRequest, code: "invalid_header", message: error.message)
                .response(requestID: try? RequestIdentity.requestID(of: request.headers))
        }
        var draft = TraceDraft(identity: identity, provider: provider.name)
        do throws(OpenAIError) {
            let chat = try await read(request)
            draft.model = chat.model
            draft.isStreaming = chat.isStreaming
            let answer = try await ask(chat)
            draft.markFirstByte()
            draft.statusCode = UInt16(clamping: answer.status.code)
            return passOn(answer, draft)
        } catch {
            draft.statusCode = UInt16(error.status.code)
            recorder.record(draft.finish(error: error.code))
            return error.response(requestID: identity.requestID)
        }
    }

    private func read(_ request: Request) async throws(OpenAIError) -> ChatRequest {
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: Self.bodyLimit)
        } catch is NIOTooManyBytesError {
            throw OpenAIError(
                status: .contentTooLarge,
                code: "request_too_large",
                message: "The request is larger than \(Self.bodyLimit >> 20) MiB"
            )
        } catch {
            throw OpenAIError(
                status: .badRequest,
                code: "request_incomplete",
                message: "The request could not be read to its end"
            )
        }
        guard let summary = try? JSONDecoder().decode(ChatRequest.Summary.self, from: Data(buffer: body)),
            summary.model.utf8.count <= Self.modelLimit
        else {
            throw OpenAIError(
                status: .badRequest,
                code: "invalid_request",
                message: "The request must be a JSON object with a \"model\" of at most \(Self.modelLimit) bytes; "
                    + "\"stream\" must be true or false"
            )
        }
        return ChatRequest(
            headers: request.headers,
            body: body,
            model: summary.model,
            isStreaming: summary.stream ?? false
        )
    }

    private func ask(_ chat: ChatRequest) async throws(OpenAIError) -> HTTPClientResponse {
        do {
            return try await provider.complete(chat)
        } catch {
            throw OpenAIError(
                status: .badGateway,
                code: "provider_unreachable",
                message: "The provider did not answer: \(error)"
            )
        }
    }

    private func passOn(_ answer: HTTPClientResponse, _ draft: TraceDraft) -> Response {
        var headers = HTTPFields()
        for (name, value) in answer.headers {
            let isForwarded = !UpstreamProvider.notForwarded.contains(name.lowercased())
            if isForwarded, let name = HTTPField.Name(name) { headers.append(HTTPField(name: name, value: value)) }
        }
        headers[.xRequestID] = draft.identity.requestID
        let length = answer.headers.first(name: "content-length").flatMap { Int($0) }
        return Response(
            status: HTTPResponse.Status(code: Int(answer.status.code)),
            headers: headers,
            body: ResponseBody(contentLength: length) { [recorder] writer in
                var draft = draft
                var observer = UsageObserver(isStreaming: draft.isStreaming)
                do {
                    for try await part in answer.body {
                        observer.observe(part)
                        try await writer.write(part)
                    }
                    try await writer.finish(nil)
                } catch {
                    draft.usage = observer.usage
                    recorder.record(draft.finish(error: "stream_aborted"))
                    throw error
                }
                observer.finish()
                draft.usage = observer.usage
                recorder.record(
                    draft.finish(error: draft.statusCode < 400 ? nil : "provider_status_\(draft.statusCode)")
                )
            }
        )
    }
}
