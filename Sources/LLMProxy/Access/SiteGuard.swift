internal import HTTPTypes
internal import Hummingbird

/// Refuses requests that break the ``SiteRules``, and says what to do.
struct SiteGuard: RouterMiddleware {
    typealias Context = BasicRequestContext

    let rules: SiteRules

    /// Told the status of a refusal.
    var onRefusal: @Sendable (HTTPResponse.Status) -> Void = { _ in }

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let violation = rules.violation(of: request) else { return try await next(request, context) }
        let error = OpenAIError(violation)
        onRefusal(error.status)
        return error.response(requestID: RequestIdentity.makeRequestID())
    }
}

extension SiteRules {
    func violation(of request: Request) -> Violation? {
        violation(host: request.head.authority, origin: request.headers[.origin])
    }
}

extension OpenAIError {
    /// Repeats nothing of the request.
    init(_ violation: SiteRules.Violation) {
        switch violation {
        case .unknownHost:
            self.init(
                .forbidden,
                "unknown_host",
                "The proxy is not known under the name in Host; use its address, or start it with --allowed-hosts NAME"
            )
        case .foreignOrigin:
            self.init(
                .forbidden,
                "foreign_origin",
                "A page of another site must not ask here; if its host may, start the proxy with --allowed-hosts HOST"
            )
        }
    }
}
