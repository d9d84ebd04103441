internal import AsyncHTTPClient
internal import ClickHouseHTTP
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOHTTP1
internal import ProxyRules

/// The way of a request: who asks is checked, the request goes to the provider, the response back as it arrives, and when
/// it is over a trace is recorded.
///
/// The task that handles a request is cancelled when its client hangs up (``ClientConnections``), and so is, by that,
/// the request to the provider.
struct Gateway: Sendable {
    struct Settings: Sendable {
        /// The greatest body of a request, in bytes.
        var maxBodyBytes = 64 << 20

        /// The greatest sum of all bodies that are in memory, in bytes.
        var maxTotalBodyBytes = 512 << 20

        /// Whether the provider is asked for the usage of a stream where the client did not.
        var asksForUsage = true

        /// Put before every conversation; nil puts nothing.
        var directive: SystemDirective?
    }

    /// What is passed on at all.
    static let prefix = "/v1/"

    private static let chatCompletions = "/v1/chat/completions"
    /// What knows `stream_options`, and ends its streams with `[DONE]`.
    static let completions: Set<String> = [chatCompletions, "/v1/completions"]
    private static let maxModelLength = 500

    /// Of a request's first line and headers, in bytes: as nginx has it. async-http-client 1.37 ends the process where a head with
    /// a body has more than the 64 KiB that may wait in a connection (`IdleReadStateMachine.requestEndSent`).
    static let maxHeadBytes = 32 << 10

    let provider: any Provider

    /// nil lets everybody in.
    let keys: ClientKeys?

    let recorder: TraceRecorder
    let shutdown: Shutdown
    let settings: Settings
    let bodies: BodyReader

    init(
        provider: any Provider,
        keys: ClientKeys?,
        recorder: TraceRecorder,
        shutdown: Shutdown,
        settings: Settings
    ) {
        self.provider = provider
        self.keys = keys
        self.recorder = recorder
        self.shutdown = shutdown
        self.settings = settings
        bodies = BodyReader(
            maxBytes: settings.maxBodyBytes,
            memory: BodyMemory(limit: settings.maxTotalBodyBytes)
        )
    }

    func handle(_ request: Request) async -> Response {
        let start = ContinuousClock.now
        let target: RequestTarget
        let exchange: Exchange
        do throws(OpenAIError) {
            target = try RequestTarget(of: request)
            exchange = try begin(request, target, start)
        } catch {
            // Nobody is known to have asked, so there is no trace of it.
            recorder.count(status: UInt16(error.status.code), since: start)
            return error.response(requestID: Self.requestID(of: request))
        }
        do throws(OpenAIError) {
            let (body, json) = try await bodies.read(request)
            let (outgoing, passage) = try prepare(request, target, body, json, exchange)
            let answer = try await ask(outgoing, exchange)
            guard answer.status.code < 400 else { return await passage.passError(answer) }
            let response = passage.pass(answer)
            // Its body is never asked for.
            if request.method == .head { exchange.end(nil) }
            return response
        } catch {
            exchange.end(statusCode: UInt16(error.status.code), error.code)
            return error.response(requestID: exchange.requestID)
        }
    }

    /// Says where the API is to who looks for it elsewhere.
    func refuse(_ request: Request) -> Response {
        let error = OpenAIError(.notFound, "not_found", "There is nothing here; the API is under \(Self.prefix)")
        recorder.count(status: UInt16(error.status.code), since: .now)
        return error.response(requestID: Self.requestID(of: request))
    }

    /// The one that the request names, if it is one, or a new one.
    static func requestID(of request: Request) -> String {
        (try? RequestIdentity.requestID(of: request.headers)) ?? RequestIdentity.makeRequestID()
    }

    /// Checks who asks, and for what.
    private func begin(
        _ request: Request,
        _ target: RequestTarget,
        _ start: ContinuousClock.Instant
    ) throws(OpenAIError) -> Exchange {
        let head = request.headers.reduce(request.head.path?.utf8.count ?? 0) { sum, field in
            sum + field.name.rawName.utf8.count + field.value.utf8.count
        }
        guard head <= Self.maxHeadBytes else {
            throw OpenAIError(
                .requestHeaderFieldsTooLarge,
                "request_head_too_large",
                "The request's path and headers have more than \(Self.maxHeadBytes) bytes"
            )
        }
        let key = keys?.find(request.headers)
        let authLatency = start.duration(to: .now)
        guard keys == nil || key != nil else {
            throw OpenAIError(
                .unauthorized,
                "invalid_api_key",
                "The API key is missing or wrong; send yours in the header Authorization: Bearer KEY"
            )
        }
        try checkMethod(request, target)
        var draft = TraceDraft(
            identity: try RequestIdentity(request.headers, keyOrgID: key?.orgID),
            provider: provider.name,
            isAlwaysTraced: request.method == .post && target.path == Self.chatCompletions,
            start: start
        )
        if keys != nil { draft.authLatency = authLatency }
        return Exchange(draft, recorder: recorder, shutdown: shutdown)
    }

    /// No method may take a completion past what the proxy adds to it.
    private func checkMethod(_ request: Request, _ target: RequestTarget) throws(OpenAIError) {
        // OpenAI lists stored completions for GET; it has no other methods there.
        guard [.post, .get, .head].contains(request.method) || !Self.completions.contains(target.path) else {
            throw OpenAIError(.methodNotAllowed, "method_not_allowed", "\(target.path) takes POST, GET and HEAD only")
        }
    }

    /// Notes what the request asks for, and adds what the proxy has to add.
    private func prepare(
        _ request: Request,
        _ target: RequestTarget,
        _ body: HeldBody,
        _ json: RequestJSON?,
        _ exchange: Exchange
    ) throws(OpenAIError) -> (ProviderRequest, Passage) {
        let path = target.path
        guard request.method == .post || body.readableBytes == 0 || !Self.completions.contains(path) else {
            throw OpenAIError(.badRequest, "invalid_request", "\(path) takes a body with POST only")
        }
        let outgoing = ProviderRequest(method: request.method, target: target, headers: request.headers, body: body)
        var passage = Passage(exchange: exchange, redaction: provider.redaction)
        let model = json?.model
        let isStreaming = json?.isStreaming
        if (model?.utf8.count ?? 0) > Self.maxModelLength || json?.isModelCut == true
            || path == Self.chatCompletions && request.method == .post && (model == nil || isStreaming == nil)
        {
            throw OpenAIError(
                .badRequest,
                "invalid_request",
                "The request must be a JSON object with a \"model\" of at most \(Self.maxModelLength) bytes; "
                    + "\"stream\" must be true or false"
            )
        }
        guard let json else { return (outgoing, passage) }
        exchange.note { draft in
            draft.model = model ?? ""
            draft.isAlwaysTraced = draft.isAlwaysTraced || model != nil
            draft.isStreaming = isStreaming ?? false
        }
        guard Self.completions.contains(path) else { return (outgoing, passage) }
        passage.endsWithDone = isStreaming ?? false
        passage.hidesUsage = settings.asksForUsage && passage.endsWithDone && !json.asksForUsage
        let directive = path == Self.chatCompletions ? settings.directive : nil
        guard directive == nil || !json.isAmbiguous else {
            throw OpenAIError(
                .badRequest,
                "ambiguous_request",
                "The request names a member twice, or spells one differently; send each once, in lower case"
            )
        }
        guard passage.hidesUsage || directive != nil else { return (outgoing, passage) }
        let before = ContinuousClock.now
        body.apply(json.edits(usage: passage.hidesUsage, directive: directive?.message))
        if directive != nil { exchange.note { $0.directiveLatency = before.duration(to: .now) } }
        return (outgoing, passage)
    }

    private func ask(
        _ outgoing: ProviderRequest,
        _ exchange: Exchange
    ) async throws(OpenAIError) -> HTTPClientResponse {
        let before = ContinuousClock.now
        do throws(ProviderError) {
            let answer = try await provider.send(outgoing)
            let timeToFirstByte = before.duration(to: .now)
            exchange.note { draft in
                draft.timeToFirstByte = timeToFirstByte
                draft.statusCode = UInt16(clamping: answer.status.code)
            }
            return answer
        } catch {
            throw exchange.answer(to: error)
        }
    }
}
