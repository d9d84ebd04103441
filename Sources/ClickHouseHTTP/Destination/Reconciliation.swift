internal import Foundation

package struct IdentityColumns: Sendable, Equatable {
    package let id: String
    package let time: String?

    package init(id: String, time: String?) {
        self.id = id
        self.time = time
    }
}

/// The queries that find out what of a batch is stored, and their answers.
struct Reconciliation {
    /// Keys and bytes of keys that are asked for at once: below ClickHouse's `max_query_size`, 256 KiB, also when each
    /// byte is escaped.
    private static let keysPerQuery = 1_000
    private static let keyBytesPerQuery = 100_000

    static func parts(_ keys: some Sequence<RowKey>) -> [[RowKey]] {
        var parts: [[RowKey]] = []
        var bytes = 0
        for key in keys {
            if let part = parts.last, part.count < keysPerQuery, bytes + key.id.count <= keyBytesPerQuery {
                parts[parts.count - 1].append(key)
                bytes += key.id.count
            } else {
                parts.append([key])
                bytes = key.id.count
            }
        }
        return parts
    }

    /// Names that no table has a column of. As the query's first line they show that the response is ClickHouse's.
    private static let names = (key: "_writer_key", seconds: "_writer_seconds", rows: "_writer_rows")
    private static let header = "\(names.key)\t\(names.seconds)\t\(names.rows)"

    private let target: InsertTarget
    private let identity: IdentityColumns
    private let kind: Kind

    /// How the identifying column's values are written.
    enum Kind {
        case integer, uuid, text
        /// Compared as text, whatever it is.
        case other

        /// - Parameter type: as `system.columns` gives it; nil when it is not known.
        init(_ type: String?) {
            switch type {
            case let type? where type.hasPrefix("Int") || type.hasPrefix("UInt"): self = .integer
            case "UUID": self = .uuid
            case "String", "LowCardinality(String)": self = .text
            default: self = .other
            }
        }
    }

    init(_ target: InsertTarget, _ identity: IdentityColumns, _ kind: Kind = .other) {
        self.target = target
        self.identity = identity
        self.kind = kind
    }

    /// The key as ClickHouse's `toString` writes it; nil when the column cannot hold it, so that it is not stored.
    func canonical(_ key: RowKey) -> RowKey? {
        let text = String(decoding: key.id, as: UTF8.self)
        switch kind {
        case .integer:
            return Self.wholeNumber(text).map { RowKey(id: Array($0.utf8), seconds: key.seconds) }
        case .uuid:
            return Self.uuid(text).map { RowKey(id: Array($0.uuidString.lowercased().utf8), seconds: key.seconds) }
        case .text, .other:
            return key
        }
    }

    /// As ClickHouse writes a number that it takes with a plus and leading zeros too.
    private static func wholeNumber(_ text: String) -> String? {
        let isNegative = text.hasPrefix("-")
        let digits = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        let significant = digits.drop { $0 == "0" }
        return significant.isEmpty ? "0" : (isNegative ? "-" : "") + significant
    }

    /// ClickHouse takes one without dashes too.
    private static func uuid(_ text: String) -> UUID? {
        guard text.utf8.count == 32 else { return UUID(uuidString: text) }
        var dashed = text
        for position in [20, 16, 12, 8] where dashed.count > position {
            dashed.insert("-", at: dashed.index(dashed.startIndex, offsetBy: position))
        }
        return UUID(uuidString: dashed)
    }

    /// Fails when the user or the table does not allow the question.
    var probeStatement: String { "\(select) WHERE 0 \(ending)" }

    /// - Parameter keys: canonical ones.
    func statement(_ keys: [RowKey]) -> String {
        let ids = keys.map { key in
            let text = String(decoding: key.id, as: UTF8.self)
            return kind == .integer ? text : quoteString(text)
        }
        let column = quoteIdentifier(identity.id)
        var condition = "\(kind == .other ? "toString(\(column))" : column) IN (\(ids.joined(separator: ", ")))"
        if let range = timeRange(keys), let time = identity.time {
            condition +=
                " AND \(quoteIdentifier(time)) >= toDateTime(\(range.lowerBound))"
                + " AND \(quoteIdentifier(time)) <= toDateTime(\(range.upperBound))"
        }
        return "\(select) WHERE \(condition) \(ending)"
    }

    private var ending: String {
        "GROUP BY \(Self.names.key), \(Self.names.seconds) FORMAT TabSeparatedWithNames"
    }

    /// - Returns: rows with each key; nil when the text is not the whole answer to our query.
    func parse(_ text: String, comparesTime: Bool) -> [RowKey: Int]? {
        guard text.hasSuffix("\n"), text.hasPrefix(Self.header + "\n") else { return nil }
        var counts: [RowKey: Int] = [:]
        for line in text.lines.dropFirst() {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == 3, let seconds = Int64(fields[1]), let rows = Int(fields[2]), rows > 0 else {
                return nil
            }
            let id = Array(unescapeTabSeparated(fields[0]).utf8)
            // More than a batch has are never asked for, and sums of what a broken server counts must not overflow.
            counts[RowKey(id: id, seconds: comparesTime ? seconds : nil), default: 0] += min(rows, 1 << 32)
        }
        return counts
    }

    private var select: String {
        let seconds = identity.time.map { "toUnixTimestamp(\(quoteIdentifier($0)))" } ?? "0"
        return "SELECT toString(\(quoteIdentifier(identity.id))) AS \(Self.names.key), "
            + "\(seconds) AS \(Self.names.seconds), count() AS \(Self.names.rows) FROM \(target.quotedName)"
    }

    /// A second around the keys' times: they may have fractions, or have lost them. nil when times are not compared.
    private func timeRange(_ keys: [RowKey]) -> ClosedRange<Int64>? {
        let seconds = keys.compactMap(\.seconds)
        guard let first = seconds.min(), let last = seconds.max() else { return nil }
        return first - 1...last + 1
    }
}

extension InsertClient {
    /// A server that does not answer for so long is not waited for: whatever ran there is over.
    private static let patience = Duration.seconds(120)

    /// How long an insert may take from its arrival to its place in `system.processes`.
    private static let settlingTime = Duration.seconds(1)

    func countStored(_ keys: Set<RowKey>, at endpoint: Endpoint) async throws(InsertFailure) -> [RowKey: Int] {
        guard var identity else { return [:] }
        let kind = Reconciliation.Kind(try await profile(of: endpoint).table.columnTypes[identity.id])
        let comparesTime = identity.time != nil && keys.allSatisfy { $0.seconds != nil }
        if !comparesTime { identity = IdentityColumns(id: identity.id, time: nil) }
        let reconciliation = Reconciliation(target, identity, kind)
        let canonical = keys.map { ($0, reconciliation.canonical($0)) }
        var counts: [RowKey: Int] = [:]
        for part in Reconciliation.parts(Set(canonical.compactMap(\.1))) {
            let text = try await execute(reconciliation.statement(part), at: endpoint, responseLimit: 4 << 20)
            guard let found = reconciliation.parse(text, comparesTime: comparesTime) else {
                let text = summarize("no answer of ClickHouse's: \(text)", credentials: credentials)
                throw InsertFailure(kind: .transient, status: 200, message: text)
            }
            counts.merge(found, uniquingKeysWith: +)
        }
        return Dictionary(
            uniqueKeysWithValues: canonical.map { key, spelled in (key, spelled.flatMap { counts[$0] } ?? 0) }
        )
    }

    /// - Throws: a transient failure while an insert under the token runs somewhere, or may.
    func checkNothingRuns(_ token: String, _ doubtAge: Duration) async throws(InsertFailure) {
        for endpoint in endpoints { try await checkNothingRuns(token, at: endpoint, doubtAge) }
        // One that has just arrived is not listed yet: not before its body is complete.
        try? await sleep(Self.settlingTime)
        for endpoint in endpoints { try await checkNothingRuns(token, at: endpoint, doubtAge) }
    }

    private func checkNothingRuns(
        _ token: String,
        at endpoint: Endpoint,
        _ doubtAge: Duration
    ) async throws(InsertFailure) {
        // By the id, and by the text where something on the way replaces the id.
        let condition = "query_id LIKE \(quoteString("\(token)-%")) OR query LIKE \(quoteString("INSERT%\(token)-%"))"
        let text: String
        do throws(InsertFailure) {
            text = try await execute(
                "SELECT count() AS running FROM system.processes WHERE \(condition)"
                    + " FORMAT TabSeparatedWithNames",
                at: endpoint
            )
        } catch {
            // Nobody listens there: then nothing runs there either.
            if let transport = error.transport, transport.isRefused || doubtAge >= Self.patience { return }
            // A user without the right to look.
            if error.kind == .destination { return }
            var failure = error
            failure.concernsBatchAlone = endpoints.count > 1
            throw failure
        }
        guard text == "running\n0\n" else {
            throw .ours(
                .transient,
                "an earlier insert of this batch still runs at \(endpoint)",
                concernsBatchAlone: true
            )
        }
    }

    /// - Throws: a transient failure while the replica may lack what another one has acknowledged.
    func checkIsComplete(_ endpoint: Endpoint, _ doubtAge: Duration) async throws(InsertFailure) {
        // A table that nobody has written to looks like one whose first entry was not pulled yet.
        let isNew = doubtAge >= Self.patience ? " OR log_max_index = 0 AND log_pointer = 0" : ""
        // Two looks, because entries go from the log to the queue in between: nothing to pull first, then nothing to do.
        for condition in ["log_pointer > log_max_index\(isNew)", "inserts_in_queue = 0"] {
            let text = try await execute(completenessStatement(condition), at: endpoint)
            guard text == "complete\n1\n" else {
                throw .ours(
                    .transient,
                    "the replica \(endpoint) does not have yet what others may have acknowledged",
                    concernsBatchAlone: true
                )
            }
        }
    }

    func completenessStatement(_ condition: String) -> String {
        "SELECT (\(condition)) AND is_readonly = 0 AND is_session_expired = 0 AS complete FROM system.replicas"
            + " WHERE database = \(quoteString(target.database)) AND table = \(quoteString(target.table))"
            + " FORMAT TabSeparatedWithNames"
    }
}

extension String {
    var lines: [String] { split(separator: "\n").map(String.init) }
}

/// A field of `FORMAT TabSeparated` (https://clickhouse.com/docs/interfaces/formats/TabSeparated#data-formatting).
func unescapeTabSeparated(_ field: some StringProtocol) -> String {
    guard field.contains("\\") else { return String(field) }
    let escapes: [Unicode.Scalar: Unicode.Scalar] = [
        "b": "\u{8}", "f": "\u{c}", "r": "\r", "n": "\n", "t": "\t", "0": "\0",
    ]
    var text = ""
    var rest = field.unicodeScalars[...]
    while let scalar = rest.popFirst() {
        let escaped = scalar == "\\" ? rest.popFirst() : nil
        text.unicodeScalars.append(escaped.map { escapes[$0] ?? $0 } ?? scalar)
    }
    return text
}
