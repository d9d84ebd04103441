internal import Foundation
internal import Synchronization

/// Sends batches to ClickHouse: one batch in, accepted or a classified failure out.
///
/// Several endpoints are taken to be replicas of one table. One is used until it fails in a way that another might
/// not; then the next is.
package final class InsertClient: Sendable {
    private struct State {
        var current = 0
        /// What each endpoint's server knows of `InsertSettings.versioned`; absent until asked.
        var knownSettings: [Endpoint: Set<String>] = [:]
    }

    package let endpoints: [Endpoint]
    private let target: InsertTarget
    let credentials: Credentials?
    private let requestTimeout: Duration
    private let transport: any HTTPTransport
    private let state = Mutex(State())

    /// - Parameters:
    ///   - endpoints: at least one.
    ///   - requestTimeout: for one exchange, from connecting to the last byte of the response.
    package init(
        endpoints: [Endpoint],
        target: InsertTarget,
        credentials: Credentials?,
        requestTimeout: Duration,
        transport: any HTTPTransport = AsyncHTTPTransport()
    ) {
        precondition(!endpoints.isEmpty)
        self.endpoints = endpoints
        self.target = target
        self.credentials = credentials
        self.requestTimeout = requestTimeout
        self.transport = transport
    }

    /// Sends one batch once.
    ///
    /// - Parameters:
    ///   - rows: JSON lines, each closed by a newline.
    ///   - token: the batch's deduplication token.
    package func insert(_ rows: [UInt8], token: String) async -> InsertOutcome {
        let endpoint = endpoints[state.withLock(\.current)]
        let outcome: InsertOutcome
        do throws(InsertFailure) {
            let known = try await knownSettings(of: endpoint)
            outcome = await send(rows, token: token, to: endpoint, knownSettings: known)
        } catch {
            outcome = .failed(error)
        }
        if case .failed(let failure) = outcome { learn(from: failure, at: endpoint) }
        return outcome
    }

    /// Runs a statement that is no insert.
    ///
    /// - Returns: the response's text, at most ``HTTPResponse/bodyLimit`` bytes.
    package func execute(_ statement: String, at endpoint: Endpoint) async throws(InsertFailure) -> String {
        let response: HTTPResponse
        do throws(TransportFailure) {
            response = try await exchange([("wait_end_of_query", "1")], body: Array(statement.utf8), at: endpoint)
        } catch {
            throw InsertFailure(kind: .transient, message: summarize(error.message, credentials: credentials))
        }
        let text = String(decoding: response.body, as: UTF8.self)
        guard response.status == 200, response.exceptionCode == nil else {
            let code = response.exceptionCode ?? ResponseClassifier.exceptionCode(in: text)
            throw InsertFailure(
                kind: code.map { ExceptionCode.kind(of: $0, message: text) } ?? .transient,
                code: code,
                status: response.status,
                message: summarize(text, credentials: credentials),
                retryAfter: response.retryAfter
            )
        }
        return text
    }

    package func close() async {
        await transport.close()
    }

    private func send(
        _ rows: [UInt8],
        token: String,
        to endpoint: Endpoint,
        knownSettings: Set<String>
    ) async -> InsertOutcome {
        // A new id for every attempt: the one before may still be running, and ids must not meet (code 216).
        let queryID = "\(token)-\(UInt32.random(in: 0 ... .max))"
        let parameters = InsertSettings.parameters(
            statement: target.insertStatement,
            queryID: queryID,
            token: token,
            known: knownSettings
        )
        do throws(TransportFailure) {
            let response = try await exchange(parameters, body: rows, at: endpoint)
            return ResponseClassifier(queryID: queryID, credentials: credentials).classify(response)
        } catch {
            return .failed(
                InsertFailure(
                    kind: error.isBeforeSending ? .transient : .outcomeUnknown,
                    message: summarize(error.message, credentials: credentials)
                )
            )
        }
    }

    private func exchange(
        _ parameters: [(name: String, value: String)],
        body: [UInt8],
        at endpoint: Endpoint
    ) async throws(TransportFailure) -> HTTPResponse {
        let request = HTTPRequest(
            url: "\(endpoint.url)/?\(Self.encodeQuery(parameters))",
            headers: headers,
            body: body
        )
        return try await transport.send(request, timeout: requestTimeout)
    }

    private var headers: [(name: String, value: String)] {
        // The name is what an administrator sees in system.query_log.
        let agent = [(name: "User-Agent", value: "clickhouse-writer")]
        guard let credentials else { return agent }
        return agent + [("X-ClickHouse-User", credentials.user), ("X-ClickHouse-Key", credentials.password)]
    }

    private func knownSettings(of endpoint: Endpoint) async throws(InsertFailure) -> Set<String> {
        if let known = state.withLock({ $0.knownSettings[endpoint] }) { return known }
        let names = try await execute(InsertSettings.lookUpStatement, at: endpoint)
        let known = Set(names.split(whereSeparator: \.isNewline).map(String.init))
            .intersection(InsertSettings.versioned)
        // An answer that is not ClickHouse's would make us send without a token, and a retry would store rows twice.
        guard known.contains(InsertSettings.knownToAll) else {
            let text = summarize("no list of ClickHouse's settings: \(names)", credentials: credentials)
            throw InsertFailure(kind: .transient, status: 200, message: text)
        }
        state.withLock { $0.knownSettings[endpoint] = known }
        return known
    }

    /// After a failure the server may be another one than before: restarted, upgraded, or the next in the list.
    private func learn(from failure: InsertFailure, at endpoint: Endpoint) {
        let unknownSetting = 115
        guard failure.kind != .data, failure.kind != .destination || failure.code == unknownSetting else { return }
        state.withLock { state in
            state.knownSettings[endpoint] = nil
            if endpoints[state.current] == endpoint { state.current = (state.current + 1) % endpoints.count }
        }
    }

    static func encodeQuery(_ parameters: [(name: String, value: String)]) -> String {
        parameters.map { "\($0.name)=\(encode($0.value))" }.joined(separator: "&")
    }

    private static func encode(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    /// RFC 3986's unreserved characters.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    )
}
