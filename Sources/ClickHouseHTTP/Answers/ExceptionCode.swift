/// ClickHouse's error codes and what each means for a batch.
///
/// The HTTP status is no guide: too many parts, read-only and a missing column are all 500.
package enum ExceptionCode {
    package static let memoryLimitExceeded = 241
    package static let timeoutExceeded = 159
    static let tooManyParts = 252
    private static let incorrectData = 117

    static func kind(of code: Int, message: String) -> InsertFailure.Kind {
        // The rows are in the table already when one of its views fails: neither cutting nor isolating would help.
        if isOfView(message) { return .destination }
        switch code {
        // Too many parts in the table, which merges fix; or too many partitions in the batch.
        case tooManyParts where message.contains("Too many partitions"): return .tooLarge
        // A field that the table lacks; or a value that is no JSON, or has a field twice.
        case incorrectData: return isUnknownField(message) ? .destination : .data
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

    private static func isUnknownField(_ message: String) -> Bool {
        message.firstRange(of: "DB::Exception: ").map { message[$0.upperBound...].hasPrefix("Unknown field found") }
            ?? false
    }

    private static let errors: [Int: (kind: InsertFailure.Kind, name: String)] = Dictionary(
        uniqueKeysWithValues: groups.flatMap { group in group.codes.map { ($0.0, (group.kind, $0.1)) } }
    )
}
