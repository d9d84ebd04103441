internal import ClickHouseHTTP
internal import HTTPTypes
internal import Hummingbird

/// Answers 400 to every request whose target can be read in two ways, whatever its route: before the router's own reading of
/// it counts, which takes `//v1/x/` for `/v1/x`.
struct TargetCheck: RouterMiddleware {
    let recorder: TraceRecorder

    @concurrent
    func handle(
        _ request: Request,
        context: BasicRequestContext,
        next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        do throws(OpenAIError) {
            _ = try RequestTarget(of: request)
        } catch {
            recorder.count(status: UInt16(error.status.code), since: .now)
            return error.response(requestID: Gateway.requestID(of: request))
        }
        return try await next(request, context)
    }
}

extension RequestTarget {
    /// - Throws: ``OpenAIError`` when it is none, or when some provider could take it for a completion though the proxy does
    ///   not, saying what it must be.
    init(of request: Request) throws(OpenAIError) {
        do throws(InvalidTarget) {
            try self.init(request.head.path ?? "")
        } catch {
            throw OpenAIError(.badRequest, "invalid_path", "The request's path \(error)")
        }
        if let route = Gateway.completions.first(where: isOtherSpelling(of:)) {
            throw OpenAIError(.badRequest, "invalid_path", "The request's path must be written \(route)")
        }
    }
}
