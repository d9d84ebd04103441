internal import ClickHouseWriter
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import LLMTraces
internal import NIOCore
internal import NIOFoundationEssentialsCompat

/// What an operator and their monitoring read: `/` (a page), `/status.json`, `/history.json`, `/healthz`, `/metrics`.
///
/// Nobody is asked who they are, so all of it is numbers and the proxy's own words: no part of a trace, no credentials. Web
/// pages of other sites cannot read it (``SiteRules``). Where even that is not for everybody who can reach the proxy,
/// `--operations-listen` serves it elsewhere.
struct OperationsEndpoints: Sendable {
    /// Nothing from elsewhere, and nothing that this page could be put into.
    private static let pagePolicy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self';"
        + " img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

    let setting: StatusDocument.Setting
    let status: @Sendable () -> WriterStatus
    let lost: @Sendable () -> Int
    let history: StatusHistory
    let registry: PrometheusRegistry
    let startedAt: ContinuousClock.Instant

    func add(to everything: Router<BasicRequestContext>, for sites: SiteRules) {
        everything.get("/healthz") { request, _ in
            let status = Self.health(of: status().spool)
            // Whoever balances load has a name of its own for the proxy, and looks at the status only.
            guard sites.violation(of: request) == nil else { return try Self.json(status, [String: String]()) }
            return try Self.json(status, document)
        }
        let router = everything.group().add(middleware: SiteGuard(rules: sites))
        router.get("/") { _, _ in
            Self.response(.ok, "text/html; charset=utf-8", PackageResources.status_html, policy: Self.pagePolicy)
        }
        router.get("/status.json") { _, _ in try Self.json(.ok, document) }
        router.get("/history.json") { _, _ in try Self.json(.ok, history.all) }
        router.get("/metrics") { _, _ in
            Self.response(.ok, PrometheusRegistry.contentType, Array(registry.render().utf8))
        }
    }

    /// 503 only while traces are being lost: whoever balances load then has a reason to send requests elsewhere.
    ///
    /// ClickHouse being away or held is 200, with the state and the reason in the body. That is the very outage that the
    /// spool bridges; taking the proxy out of rotation for it would turn a delay of traces into an outage of the proxy.
    static func health(of spool: WriterStatus.Spool) -> HTTPResponse.Status {
        switch spool {
        case .fine, .stalled: .ok
        case .full, .displaced, .failed, .damaged: .serviceUnavailable
        }
    }

    private var document: StatusDocument {
        StatusDocument(status(), setting, lost: lost(), uptime: startedAt.duration(to: .now))
    }

    private static func json(_ status: HTTPResponse.Status, _ value: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return response(status, "application/json", Array(try encoder.encode(value)) + [UInt8(ascii: "\n")])
    }

    private static func response(
        _ status: HTTPResponse.Status,
        _ type: String,
        _ body: [UInt8],
        policy: String? = nil
    ) -> Response {
        var headers: HTTPFields = [.contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff"]
        headers[.contentSecurityPolicy] = policy
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
