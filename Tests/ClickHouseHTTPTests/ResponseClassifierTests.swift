@testable import ClickHouseHTTP
import Testing

@Suite struct ResponseClassifierTests {
    private let classifier = ResponseClassifier(
        queryID: "ours",
        expected: .absent,
        credentials: Credentials(user: "writer", password: "hunter2")
    )

    private func kind(_ response: HTTPResponse) -> InsertFailure.Kind? {
        guard case .failed(let failure) = classifier.classify(response) else { return nil }
        return failure.kind
    }

    @Test func `only an empty 200 is proof, with our query id where one is echoed`() {
        #expect(classifier.classify(HTTPResponse(status: 200)) == .accepted)
        #expect(classifier.classify(HTTPResponse(status: 200, headers: ["x-clickhouse-query-id": "ours"])) == .accepted)
    }

    @Test(arguments: [
        HTTPResponse(status: 200, headers: ["x-clickhouse-query-id": "another"]),
        HTTPResponse(status: 200, body: Array("Ok.\n".utf8)),
        HTTPResponse(status: 200, body: Array("<html>Sign in</html>".utf8)),
        HTTPResponse(status: 200, body: [0]),
        HTTPResponse(status: 200, headers: ["x-clickhouse-exception-code": ""]),
        HTTPResponse(status: 200, headers: ["x-clickhouse-exception-code": "sixty"]),
        HTTPResponse(status: 204),
        HTTPResponse(status: 206),
        HTTPResponse(status: 301, headers: ["location": "http://elsewhere"]),
        HTTPResponse(status: 307),
        HTTPResponse(status: 404, body: Array("not found".utf8)),
        HTTPResponse(status: 500),
        HTTPResponse(status: 502, body: Array("<html>Bad Gateway</html>".utf8)),
    ])
    func `anything else without a code is an unknown outcome`(response: HTTPResponse) {
        #expect(kind(response) == .outcomeUnknown)
    }

    @Test(arguments: [429, 503])
    func `a gateway that is busy is transient`(status: Int) {
        #expect(kind(HTTPResponse(status: status)) == .transient)
    }

    @Test(arguments: [
        (60, InsertFailure.Kind.destination), (81, .destination), (16, .destination), (516, .destination),
        (115, .destination), (123_456, .destination), (27, .data), (72, .data), (376, .data),
        (467, .data), (241, .transient), (242, .transient), (252, .transient), (999, .transient), (209, .transient),
    ])
    func `a code decides, whatever the status`(code: Int, expected: InsertFailure.Kind) {
        for status in [200, 400, 404, 500] {
            let response = HTTPResponse(status: status, headers: ["x-clickhouse-exception-code": "\(code)"])
            #expect(kind(response) == expected)
        }
    }

    @Test func `a gateway that finds a batch too large wants a smaller one`() {
        #expect(kind(HTTPResponse(status: 413, body: Array("<html>Request Entity Too Large</html>".utf8))) == .tooLarge)
    }

    @Test(arguments: [
        (Passage.QueryID.echoed, ["ours"]), (.replaced, ["ours", "another"]), (.absent, ["ours", nil]),
    ])
    func `a response is believed that names our query, or as the responses before named theirs`(
        expected: Passage.QueryID,
        believed: [String?]
    ) {
        let classifier = ResponseClassifier(queryID: "ours", expected: expected, credentials: nil)
        for named in ["ours", "another", nil] {
            let headers = named.map { ["x-clickhouse-query-id": $0] } ?? [:]
            let outcome = classifier.classify(HTTPResponse(status: 200, headers: headers))
            #expect((outcome == .accepted) == believed.contains(named), "\(named ?? "none")")
        }
    }

    private func kind(_ code: Int, _ message: String) -> InsertFailure.Kind? {
        let text = "Code: \(code). DB::Exception: \(message) (SOME_NAME) (version 26.9.2.1)"
        return kind(HTTPResponse(status: 500, body: Array(text.utf8)))
    }

    @Test(arguments: [32, 33])
    func `an end of data is a record's fault only where a row is named, and not of a body that was cut`(code: Int) {
        let value = "Attempt to read after eof: (while reading the value of key d): (at row 5)"
        #expect(kind(code, value) == .data)
        #expect(kind(code, "Cannot read all data. Bytes read: 7. Bytes expected: 16.") == .outcomeUnknown)
        let cut = "Unexpected end of stream while parsing JSONEachRow format: (at row 5)"
        #expect(kind(code, cut) == .outcomeUnknown)
        #expect(kind(code, "'\(cut)' cannot be read: (at row 5)") == .data, "a value that says so")
    }

    @Test func `117 is a field that the table lacks, or a value that cannot be read`() {
        #expect(
            kind(117, "Unknown field found while parsing JSONEachRow format: surprise: (at row 57)") == .destination
        )
        #expect(kind(117, "Duplicate field found while parsing JSONEachRow format: model: (at row 57)") == .data)
        #expect(kind(117, "Cannot read JSON field here: 'oops}'") == .data)
    }

    @Test func `when a view fails the rows are stored, so nothing is cut`() {
        for code in [6, 27, 252, 241] {
            let text = "Too many partitions: while pushing to view default.v (8c2e): While executing X."
            #expect(kind(code, text) == .destination)
        }
        // A row that says so itself is only a row.
        #expect(kind(469, "Constraint c is violated. Column values: m = ': while pushing to view x'.") == .data)
        #expect(kind(117, "Cannot read JSON field here: 'DB::Exception: Unknown field found'") == .data)
        #expect(
            kind(27, "Cannot parse: 'while pushing to view': (while reading the value of key a): (at row 3)") == .data
        )
    }

    @Test(arguments: [
        ("Cannot parse (at row 57)", 57), ("value '(at row 3)': (at row 12): While executing", 12), ("no row", nil),
        ("(at row )", nil), ("(at row 5", nil),
        ("(at row 5.", nil), ("c is violated at row 5)", nil), ("(at row 99999999999999999999)", nil),
        ("Constraint `c` for table d.t is violated at row 57. Column values: v = ' is violated at row 3.'", 57),
    ])
    func `the row is the last that the message names`(message: String, row: Int?) {
        #expect(ResponseClassifier.badRow(in: message) == row)
    }

    @Test func `every error of ClickHouse has one decided action and a reason`() {
        let decided = ExceptionCode.groups.flatMap(\.codes)
        #expect(Dictionary(decided, uniquingKeysWith: { _, _ in "decided twice" }) == exceptionNames)
        #expect(exceptionNames.count == 678)
        #expect(ExceptionCode.groups.allSatisfy { $0.reason.count > 20 })
        for (code, _) in decided where ![32, 33, 117, 252].contains(code) {
            let group = ExceptionCode.groups.first { $0.codes.contains { $0.0 == code } }
            #expect(kind(code, "it failed") == group?.kind)
        }
    }

    @Test func `too many partitions is the batch's fault, too many parts the table's`() {
        let headers = ["x-clickhouse-exception-code": "252"]
        let partitions = "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)."
        let parts = "Code: 252. DB::Exception: Too many parts (300). Merges are processing significantly slower"
        #expect(kind(HTTPResponse(status: 500, headers: headers, body: Array(partitions.utf8))) == .tooLarge)
        #expect(kind(HTTPResponse(status: 500, headers: headers, body: Array(parts.utf8))) == .transient)
    }

    @Test(arguments: [
        ("Code: 60. DB::Exception: Table default.t does not exist.", 60),
        ("Code: 115, e.displayText() = DB::Exception: Unknown setting async_insert, e.what() = DB::Exception", 115),
        ("__exception__\r\nCode: 395. DB::Exception: Value passed", 395),
    ])
    func `the code is found in the text of servers that send no header`(text: String, code: Int) {
        #expect(ResponseClassifier.exceptionCode(in: text) == code)
    }

    @Test(arguments: [
        "", "Code: ", "Code: x. DB::", "Error Code: 12 of the gateway", "Code: 99999999999999999999. DB::",
    ])
    func `a text that only looks like it has none`(text: String) {
        #expect(ResponseClassifier.exceptionCode(in: text) == nil)
    }

    @Test func `a message is one short line without the password`() throws {
        let text =
            "Code: 193. DB::Exception: Wrong password hunter2\nfor user writer" + String(repeating: "x", count: 9_000)
        let outcome = classifier.classify(HTTPResponse(status: 401, body: Array(text.utf8)))
        guard case .failed(let failure) = outcome else { Issue.record("accepted"); return }
        #expect(!failure.message.contains("hunter2"))
        #expect(!failure.message.contains("\n"))
        #expect(failure.message.count <= 501)
        #expect(failure.code == 193)
    }

    @Test func `an accent behind the password does not hide it`() {
        #expect(Credentials(user: "writer", password: "hunter2").redact("hunter2\u{301} hunter2") == "…\u{301} …")
    }

    @Test(arguments: [("7", Duration.seconds(7)), ("999999", .seconds(3_600)), ("-1", .zero), ("soon", nil)])
    func `Retry-After is heard within reason`(text: String, expected: Duration?) {
        #expect(HTTPResponse(status: 503, headers: ["retry-after": text]).retryAfter == expected)
    }
}
