internal import Foundation

extension InsertClient {
    typealias Parameters = [(name: String, value: String)]

    /// Where this server is posted a batch, with the settings that it knows, and whether the body must be compressed: for
    /// another client that is to do the same.
    package func insertRequest(
        token: String,
        at endpoint: Endpoint
    ) async throws(InsertFailure) -> (url: String, isCompressed: Bool) {
        let profile = try await profile(of: endpoint)
        let settings = settings(of: endpoint)
        let parameters = insertParameters(token: token, queryID: token, settings, profile)
        return (url(parameters, settings, at: endpoint), compresses(profile))
    }

    func send(
        _ rows: [UInt8],
        token: String,
        to endpoint: Endpoint,
        _ profile: EndpointProfile
    ) async throws(InsertFailure) {
        // A new id for every attempt: the one before may still be running, and ids must not meet (code 216).
        let queryID = "\(token)-\(UInt32.random(in: 0 ... .max))"
        let settings = settings(of: endpoint)
        let isCompressed = compresses(profile)
        let rows = self.rows(rows, for: profile)
        let response = try await exchange(
            insertParameters(token: token, queryID: queryID, settings, profile),
            settings,
            headers: isCompressed ? [("Content-Encoding", "gzip")] : [],
            body: isCompressed ? compress(rows, token: token) : rows,
            at: endpoint
        )
        let classifier = ResponseClassifier(
            queryID: queryID,
            expected: profile.destination.passage.queryID,
            credentials: credentials
        )
        if case .failed(let failure) = classifier.classify(response) { throw failure }
    }

    /// Runs a statement that is no insert, and returns the response's text.
    ///
    /// - Parameter responseLimit: bytes; a response of this many or more is a failure.
    package func execute(
        _ statement: String,
        at endpoint: Endpoint,
        responseLimit: Int = HTTPRequest.usualResponseLimit
    ) async throws(InsertFailure) -> String {
        try await ask(statement, settings(of: endpoint), at: endpoint, responseLimit: responseLimit).text
    }

    /// As ``execute(_:at:responseLimit:)``, and which query the response named.
    ///
    /// - Parameter token: nil is one that no other question has.
    func ask(
        _ statement: String,
        _ settings: RequestSettings,
        token: String? = nil,
        at endpoint: Endpoint,
        responseLimit: Int = HTTPRequest.usualResponseLimit
    ) async throws(InsertFailure) -> (text: String, queryID: Passage.QueryID) {
        let operation = String(statement.prefix { $0.isLetter })
        let queryID = "question-\(UInt64.random(in: 0 ... .max))"
        return try await withRequestSpan(operation, at: endpoint) { () async throws(InsertFailure) in
            let response: HTTPResponse
            do throws(InsertFailure) {
                let token = token ?? queryID
                response = try await exchange(
                    [("wait_end_of_query", "1"), ("query_id", queryID)] + settings.parameters(token: token),
                    settings,
                    body: Array(settings.statement(statement, token: token).utf8),
                    at: endpoint,
                    responseLimit: responseLimit
                )
            } catch {
                var failure = error
                failure.kind = .transient
                throw failure
            }
            let text = String(decoding: response.body, as: UTF8.self)
            guard response.status == 200, !response.hasException else {
                let code = response.exceptionCode ?? ResponseClassifier.exceptionCode(in: text)
                let isOfDestination = code.map { ExceptionCode.kind(of: $0, message: text) } == .destination
                let kind: InsertFailure.Kind = isOfDestination ? .destination : .transient
                throw InsertFailure(kind, code: code, response, text, credentials: credentials)
            }
            guard response.body.count < responseLimit else {
                throw .ours(.transient, "a response of more than \(responseLimit) bytes")
            }
            return (text, Passage.QueryID(named: response.headers["x-clickhouse-query-id"], sent: queryID))
        }
    }

    private func exchange(
        _ parameters: Parameters,
        _ settings: RequestSettings,
        headers: Parameters = [],
        body: [UInt8],
        at endpoint: Endpoint,
        responseLimit: Int = HTTPRequest.usualResponseLimit
    ) async throws(InsertFailure) -> HTTPResponse {
        // The name is what an administrator sees in system.query_log.
        var sent = [(name: "User-Agent", value: "clickhouse-writer")]
        if let credentials {
            sent += [("X-ClickHouse-User", credentials.user), ("X-ClickHouse-Key", credentials.password)]
        }
        let request = HTTPRequest(
            origin: endpoint.origin,
            url: url(parameters, settings, at: endpoint),
            headers: sent + headers,
            body: body,
            responseLimit: responseLimit
        )
        do throws(TransportFailure) {
            return try await transport.send(request, timeout: requestTimeout)
        } catch {
            throw InsertFailure(
                kind: error.isBeforeSending ? .transient : .outcomeUnknown,
                message: summarize(error.message, credentials: credentials),
                mayHaveBeenStored: !error.isBeforeSending,
                transport: error
            )
        }
    }

    private func insertParameters(
        token: String,
        queryID: String,
        _ settings: RequestSettings,
        _ profile: EndpointProfile
    ) -> Parameters {
        // Where the id does not come back it may not have arrived either, and an insert that runs is looked for by its text.
        let isNamed = profile.destination.passage.queryID == .echoed
        let text = isNamed ? target.insertStatement : target.insertStatement.beforeFormat(" /* \(queryID) */")
        let statement = settings.statement(text, token: token)
        // wait_end_of_query: the status is sent after the insert is over, so it can say how it went.
        return [("query", statement), ("query_id", queryID), ("wait_end_of_query", "1")]
            + settings.parameters(token: token)
    }

    private func url(_ parameters: Parameters, _ settings: RequestSettings, at endpoint: Endpoint) -> String {
        "\(endpoint.url)/?\(Self.encodeQuery(parameters))\(settings.query)"
    }

    static func encodeQuery(_ parameters: Parameters) -> String {
        parameters.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: unreserved) ?? "")"
        }.joined(separator: "&")
    }

    /// RFC 3986's unreserved characters.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    )
}
