internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOEmbedded
internal import NIOHTTP1
internal import NIOHTTPCompression

/// Gives each request its connection, which faults cut.
struct StandInContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

/// Answers as ClickHouse does to what a batch writer asks.
struct StandInResponder: HTTPResponder {
    static let version = "26.9.0.0"

    /// The settings that it takes; others are refused with code 115, as by a server that does not know them.
    static let modernSettings: Set<String> = [
        "async_insert", "insert_deduplication_token", "insert_distributed_sync", "date_time_input_format",
        "input_format_skip_unknown_fields", "input_format_allow_errors_num", "input_format_allow_errors_ratio",
        "insert_deduplicate", "deduplicate_insert", "materialized_views_ignore_errors",
    ]

    /// Those of them that an 18.16 server has too.
    static let legacySettings: Set<String> = [
        "insert_distributed_sync", "date_time_input_format", "input_format_skip_unknown_fields",
        "input_format_allow_errors_num", "input_format_allow_errors_ratio", "insert_deduplicate",
    ]

    private static let parameters: Set<String> = ["query", "query_id", "wait_end_of_query", "database"]

    /// Bytes of a body, as it is sent and as it is without its compression.
    static let bodyLimit = 16 << 20

    let store: StandInStore
    let faults: FaultPlan
    let journal: InsertJournal
    let onInsert: @Sendable (InsertMoment, InsertJournal.Entry) -> Void
    let knownSettings: Set<String>
    let requiredUser: String?

    /// Whether a repeated token is stored once.
    let deduplicates: Bool

    func respond(to request: Request, context: StandInContext) async throws -> Response {
        // A writer sends none; the page of another site would.
        if request.headers[.origin] != nil { return exception(403, code: 497, "The stand-in serves no web page") }
        if request.uri.path == "/ping" { return answer(text: "Ok.\n") }
        let parameters = request.uri.queryParameters
        let queryID = parameters["query_id"].map(String.init)
        let body: ByteBuffer
        do {
            body = try await Self.decode(request.body.collect(upTo: Self.bodyLimit), request.headers)
        } catch is NIOTooManyBytesError, NIOHTTPDecompression.DecompressionError.limit {
            return exception(413, code: 307, "The body has more than \(Self.bodyLimit) bytes, the most that is taken")
        } catch is NIOHTTPDecompression.DecompressionError, is NIOHTTPDecompression.ExtraDecompressionError {
            return exception(400, code: 354, "The body is not what its Content-Encoding says")
        }
        let query = parameters["query"].map(String.init) ?? String(buffer: body)
        if query.isEmpty { return answer(text: "Ok.\n") }
        if let requiredUser, request.headers[.clickHouseUser] != requiredUser {
            return exception(403, code: 516, "\(request.headers[.clickHouseUser] ?? "default"): Authentication failed")
        }
        for (name, _) in parameters
        where !Self.parameters.contains(String(name)) && !knownSettings.contains(String(name)) {
            return exception(404, code: 115, "Setting \(name) is neither a builtin setting nor a user-defined one")
        }
        guard let insert = InsertStatement(query) else {
            return try await answerQuery(query, queryID: queryID) { parameters[Substring($0)].map(String.init) ?? "" }
        }
        let token = parameters["insert_deduplication_token"].map(String.init) ?? ""
        let entry = InsertJournal.Entry(token: token, queryID: queryID ?? "", body: String(buffer: body))
        journal.add(entry)
        onInsert(.received, entry)
        return try await strike(faults.take(), queryID: queryID, channel: context.channel) {
            let response = try await self.store(insert, token: token, body: body, firstRows: $0, queryID: queryID)
            onInsert(.stored, entry)
            return response
        }
    }

    private func store(
        _ insert: InsertStatement,
        token: String,
        body: ByteBuffer,
        firstRows: Int?,
        queryID: String?
    ) async throws -> Response {
        guard insert.format == "JSONEachRow" else { return exception(404, code: 73, "Unknown format \(insert.format)") }
        let all = String(buffer: body).split(separator: "\n").map(String.init)
        let rows = Array(all.prefix(firstRows ?? all.count))
        let unreadable = try await store.insert(
            StandInStore.Insert(
                database: insert.database,
                table: insert.table,
                token: deduplicates && firstRows == nil ? token : "",
                rows: rows
            )
        )
        if let unreadable {
            return exception(400, code: 27, "Cannot parse input: expected a JSON object: (at row \(unreadable.number))")
        }
        return answer(text: "", queryID: queryID)
    }

    /// What a batch writer asks besides inserting.
    private func answerQuery(
        _ query: String,
        queryID: String?,
        setting: (String) -> String
    ) async throws -> Response {
        let text: String
        if query.hasPrefix("CREATE ") {
            text = ""
        } else if query.contains("version()") {
            text = Self.version + "\n"
        } else if query.contains("system.settings") {
            // Each value as it was sent, in hexadecimal digits.
            let pairs = knownSettings.filter { query.contains("'\($0)'") }.map { name in
                "\(name)="
                    + setting(name).utf8.map { String(256 + Int($0), radix: 16, uppercase: true).dropFirst() }.joined()
            }
            text = pairs.joined(separator: " ") + "\n"
        } else if query.contains("dependencies_table") {
            // No table of it has a view.
            text = ""
        } else if query.contains("system.tables") {
            let window = deduplicates ? Int32.max : 0
            text = "MergeTree\tMergeTree ORDER BY tuple() SETTINGS non_replicated_deduplication_window = \(window)\n"
        } else if query.contains("system.databases") || query.hasPrefix("SELECT name FROM system.columns") {
            text = "any\n"
        } else if query.contains("system.columns") || query.contains("merge_tree_settings") {
            text = ""
        } else if query.contains("system.processes") {
            text = "running\n0\n"
        } else if let question = StoredRowsQuery(query) {
            text = try await store.count(question)
        } else {
            return exception(400, code: 62, "Syntax error: the stand-in runs no such query: \(query.prefix(100))")
        }
        return answer(text: text, queryID: queryID)
    }

    static func decode(_ body: ByteBuffer, _ headers: HTTPFields, limit: Int = bodyLimit) throws -> ByteBuffer {
        guard headers[.contentEncoding] == "gzip" else { return body }
        let channel = EmbeddedChannel(handler: NIOHTTPRequestDecompressor(limit: .size(limit)))
        let head = HTTPRequestHead(
            version: .http1_1,
            method: .POST,
            uri: "/",
            headers: ["Content-Encoding": "gzip", "Content-Length": "\(body.readableBytes)"]
        )
        // Also when it fails, or zlib's memory would stay.
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        var decoded = ByteBuffer()
        func take() throws {
            while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
                if case .body(var buffer) = part { decoded.writeBuffer(&buffer) }
            }
        }
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        var rest = body
        while let slice = rest.readSlice(length: min(rest.readableBytes, 64 << 10)), slice.readableBytes > 0 {
            try channel.writeInbound(HTTPServerRequestPart.body(slice))
            try take()
        }
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        try take()
        return decoded
    }

    /// Applies the fault around `process`, the real work.
    private func strike(
        _ fault: Fault?,
        queryID: String?,
        channel: any Channel,
        process: (_ rows: Int?) async throws -> Response
    ) async throws -> Response {
        switch fault {
        case nil:
            return try await process(nil)
        case .error(let status, let code, let message, let retryAfter):
            var response = exception(status, code: code, message)
            if let retryAfter { response.headers[.retryAfter] = "\(retryAfter)" }
            return response
        case .errorAfterProcessing(let status, let code, let message):
            _ = try await process(nil)
            return exception(status, code: code, message)
        case .delay(let duration):
            try await Task.sleep(for: duration)
            return try await process(nil)
        case .hang:
            try await Task.sleep(for: .seconds(3_600))
            return Response(status: .internalServerError)
        case .dropBeforeProcessing:
            try await channel.close()
            return Response(status: .internalServerError)
        case .dropAfterStoring(let rows):
            _ = try await process(rows)
            try await channel.close()
            return Response(status: .internalServerError)
        case .dropAfterProcessing:
            _ = try await process(nil)
            try await channel.close()
            return Response(status: .internalServerError)
        case .redirect(let target):
            return Response(status: .temporaryRedirect, headers: [.location: target])
        case .unexpectedBody(let text):
            return answer(text: text, queryID: queryID)
        case .foreignQueryID:
            return answer(text: "", queryID: "somebody-elses")
        case .garbage:
            try await channel.writeBeneathHTTP("\u{16}\u{3}\u{1} this is not HTTP\r\n\r\n")
            try await channel.close()
            return Response(status: .internalServerError)
        }
    }

    private func answer(text: String, queryID: String? = nil) -> Response {
        var headers: HTTPFields = [.contentType: "text/tab-separated-values; charset=UTF-8"]
        if let queryID { headers[.clickHouseQueryID] = queryID }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private func exception(_ status: Int, code: Int?, _ message: String) -> Response {
        let text = code.map { "Code: \($0). DB::Exception: \(message). (version \(Self.version))\n" } ?? message
        var response = answer(text: text)
        response.status = HTTPResponse.Status(code: status)
        if let code { response.headers[.clickHouseExceptionCode] = "\(code)" }
        return response
    }
}

extension Channel {
    /// Sends bytes past the HTTP encoder.
    fileprivate func writeBeneathHTTP(_ text: String) async throws {
        try await eventLoop.submit {
            let encoder = try self.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
            return encoder.writeAndFlush(NIOAny(ByteBuffer(string: text)))
        }.flatMap { $0 }.get()
    }
}

extension HTTPField.Name {
    fileprivate static let clickHouseUser = named("X-ClickHouse-User")
    fileprivate static let clickHouseQueryID = named("X-ClickHouse-Query-Id")
    fileprivate static let clickHouseExceptionCode = named("X-ClickHouse-Exception-Code")

    private static func named(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is not a header's name") }
        return field
    }
}
