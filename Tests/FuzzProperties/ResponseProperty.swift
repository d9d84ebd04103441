import ClickHouseHTTP

/// Accepted is only what proves it, and a failure can be shown.
///
/// Input: what the client knows, what the response's head says, and then its body.
func checkResponse(_ input: [UInt8]) throws(Violation) {
    let queryID = "0a1b2c3d-1-100-77"
    let password = "hunter2"
    var source = ByteSource(input)
    let expected = source.bool() ? Passage.QueryID.echoed : source.bool() ? .replaced : .absent
    let status = source.bool() ? 200 : Int(source.integer(UInt16.self))
    var headers: [String: String] = [:]
    if source.bool() { headers["x-clickhouse-exception-code"] = source.text() }
    if source.bool() { headers["x-clickhouse-query-id"] = source.bool() ? queryID : source.text() }
    if source.bool() { headers["retry-after"] = source.text() }
    let response = HTTPResponse(status: status, headers: headers, body: source.remainder())
    let classifier = ResponseClassifier(
        queryID: queryID,
        expected: expected,
        credentials: Credentials(user: "writer", password: password)
    )
    switch classifier.classify(response) {
    case .accepted:
        try require(status == 200, "accepted with status \(status)")
        try require(headers["x-clickhouse-exception-code"] == nil, "accepted with an exception")
        try require(response.body.isEmpty, "accepted with a body")
        let named = headers["x-clickhouse-query-id"]
        let isOurs = named?.utf8.elementsEqual(queryID.utf8) ?? false
        try require(isOurs || expected == (named == nil ? .absent : .replaced), "accepted for another query")
    case .failed(let failure):
        try require(failure.mayHaveBeenStored, "a response says that nothing was sent")
        try require(failure.status == status, "the status is lost")
        try require(failure.message.count <= 501, "a long message")
        try require(!failure.message.contains(where: \.isNewline), "a message of several lines")
        try require(!contains(failure.message, password), "the password is shown")
        try require(failure.retryAfter.map { .zero ... .seconds(3_600) ~= $0 } ?? true, "an endless wait")
    }
}

/// Byte by byte: for `String` a password followed by an accent is another word.
private func contains(_ text: String, _ word: String) -> Bool {
    let text = Array(text.utf8)
    let word = Array(word.utf8)
    return text.indices.contains { text[$0...].starts(with: word) }
}
