/// ClickHouse's error codes and what each means for a batch.
///
/// The HTTP status is no guide: too many parts, read-only and a missing column are all 500.
package enum ExceptionCode {
    package static let memoryLimitExceeded = 241
    package static let timeoutExceeded = 159
    static let tooManyParts = 252
    private static let incorrectData = 117
    static let endOfData = 32...33

    static func kind(of code: Int, message: String) -> InsertFailure.Kind {
        // The rows are in the table already when one of its views fails: neither cutting nor isolating would help.
        if isOfView(message) { return .destination }
        switch code {
        // Too many parts in the table, which merges fix; or too many partitions in the batch.
        case tooManyParts where message.contains("Too many partitions"): return .tooLarge
        // A field that the table lacks; or a value that is no JSON, or has a field twice.
        case incorrectData: return isUnknownField(message) ? .destination : .data
        // A value that ends too early; or a body or a connection between servers that was cut, which says nothing of a record.
        case endOfData: return isOfValue(message) ? .data : .outcomeUnknown
        default: break
        }
        // A code of a newer server is held, so that the batch is neither dropped nor hammered at the server.
        return errors[code]?.kind ?? .destination
    }

    package static func isKnown(_ code: Int) -> Bool { errors[code] != nil }

    /// ClickHouse's name of a code; nil when ClickHouse 26.9 has no such code.
    static func name(of code: Int) -> String? { errors[code]?.name }

    /// Not what a row repeats: that stands in quotes, or before "(at row N)".
    static func isOfView(_ message: String) -> Bool {
        guard let start = message.ranges(of: ": while pushing to view ").last?.upperBound else { return false }
        let rest = message[start...]
        return !rest.contains("(at row ") && !rest.contains("'") && !rest.contains("\"")
    }

    /// Whether the error may be about some rows and not about others, though it is the table's or a view's.
    static func mayConcernSome(_ code: Int) -> Bool { code == incorrectData || errors[code]?.kind == .data }

    private static func isUnknownField(_ message: String) -> Bool { message.hasReason("Unknown field found") }

    private static func isOfValue(_ message: String) -> Bool {
        ResponseClassifier.badRow(in: message) != nil && !message.hasReason("Unexpected end of stream")
    }

    private static let errors: [Int: (kind: InsertFailure.Kind, name: String)] = Dictionary(
        uniqueKeysWithValues: groups.flatMap { group in group.codes.map { ($0.0, (group.kind, $0.1)) } }
    )
}

extension String {
    /// Whether what ClickHouse says begins so. What stands further on may be a value of ours.
    fileprivate func hasReason(_ reason: String) -> Bool {
        firstRange(of: "DB::Exception: ").map { self[$0.upperBound...].hasPrefix(reason) } ?? false
    }
}
