/// Decides from a response alone whether a batch is stored.
///
/// Accepted needs proof: status 200, no exception code, an empty body, and our query id where that comes back.
/// Everything else is a failure, classified by ClickHouse's code where there is one.
package struct ResponseClassifier: Sendable {
    let queryID: String

    /// Which query the server's responses have named so far: one that names none, or another than ours, may not be its own.
    let expected: Passage.QueryID
    let credentials: Credentials?

    package init(queryID: String, expected: Passage.QueryID, credentials: Credentials?) {
        self.queryID = queryID
        self.expected = expected
        self.credentials = credentials
    }

    package func classify(_ response: HTTPResponse) -> InsertOutcome {
        let text = String(decoding: response.body, as: UTF8.self)
        if let code = response.exceptionCode ?? Self.exceptionCode(in: text) {
            return fail(response, ExceptionCode.kind(of: code, message: text), code: code, text)
        }
        if response.hasException {
            return fail(response, .outcomeUnknown, "an exception without a readable code: \(text)")
        }
        guard response.status == 200 else {
            // Nothing of ClickHouse's speaks here: a gateway, a redirect, a proxy. The insert may have reached it or not.
            let kind: InsertFailure.Kind =
                switch response.status {
                case 413: .tooLarge
                case 429, 503: .transient
                default: .outcomeUnknown
                }
            return fail(response, kind, "status \(response.status): \(text)")
        }
        guard response.body.isEmpty else {
            return fail(response, .outcomeUnknown, "a body where an insert has none: \(text)")
        }
        let named = response.headers["x-clickhouse-query-id"]
        switch Passage.QueryID(named: named, sent: queryID) {
        case .echoed, expected:
            return .accepted
        case .replaced:
            return fail(response, .outcomeUnknown, "the response is to another query: \(named ?? "")")
        case .absent:
            return fail(response, .outcomeUnknown, "the response does not name our query; is a gateway answering?")
        }
    }

    private func fail(
        _ response: HTTPResponse,
        _ kind: InsertFailure.Kind,
        code: Int? = nil,
        _ text: String
    ) -> InsertOutcome {
        .failed(InsertFailure(kind, code: code, response, text, credentials: credentials))
    }

    /// N of the last "(at row N)" in a message. What stands before may be a value of ours. Of a constraint that is violated (469), N of the
    /// first "is violated at row N.": what stands behind are values.
    static func badRow(in text: String) -> Int? {
        let places = [(text.ranges(of: "(at row ").last, ")"), (text.firstRange(of: " is violated at row "), ".")]
        for case (let place?, let end) in places {
            let digits = text[place.upperBound...].prefix { $0.isASCII && $0.isNumber }
            return text[digits.endIndex...].hasPrefix(end) ? Int(digits) : nil
        }
        return nil
    }

    /// The code in a message like `Code: 60. DB::Exception: …` (`Code: 60, e.displayText() = …` before 20.x), which is
    /// all that a server before 20.x gives.
    static func exceptionCode(in text: String) -> Int? {
        guard let start = text.firstRange(of: "Code: ")?.upperBound else { return nil }
        let digits = text[start...].prefix { $0.isASCII && $0.isNumber }
        let rest = text[digits.endIndex...]
        guard rest.hasPrefix(". DB::") || rest.hasPrefix(", e.") else { return nil }
        return Int(digits)
    }
}

extension InsertFailure {
    /// What a response says, which may be a gateway's.
    init(_ kind: Kind, code: Int?, _ response: HTTPResponse, _ text: String, credentials: Credentials?) {
        self.init(
            kind: kind,
            code: code,
            status: response.status,
            message: summarize(text, credentials: credentials),
            retryAfter: response.retryAfter,
            badRow: ResponseClassifier.badRow(in: text),
            isOfView: code != nil && ExceptionCode.isOfView(text)
        )
    }
}

/// One line of at most 500 characters without credentials: fit for logs, the spool and a screen.
func summarize(_ text: String, credentials: Credentials?) -> String {
    let limit = 500
    // Far more than is shown, so that the password is looked for in a short time.
    let text = String(decoding: text.utf8.prefix(32 * limit), as: UTF8.self)
    let redacted = credentials?.redact(text) ?? text
    let line = redacted.split(whereSeparator: \.isNewline).joined(separator: " ")
    return line.count > limit ? line.prefix(limit) + "…" : line
}
