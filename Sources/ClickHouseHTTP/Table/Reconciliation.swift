internal import Foundation

/// The columns that tell a row from all others.
package struct IdentityColumns: Sendable, Equatable {
    package let id: String
    package let time: String?

    /// Whether a table may lack the column `id`: rows are sent without it then.
    package let isOptional: Bool

    package init(id: String, time: String?, isOptional: Bool = false) {
        self.id = id
        self.time = time
        self.isOptional = isOptional
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
    private let id: String
    private let kind: Kind

    /// nil when times are not compared.
    private let time: String?

    /// How the identifying column's values are written.
    private enum Kind {
        case integer, uuid, text
        /// Text of this many bytes; ClickHouse fills shorter ones with zeros.
        case fixedText(Int)
        /// The type is not known. Compared as text.
        case unknown

        /// - Parameter type: as `system.columns` gives it; nil when it is not known.
        /// - Returns: nil when values of the type have spellings that are not known here.
        init?(_ type: String?) {
            guard let type else {
                self = .unknown
                return
            }
            let length = type.firstMatch(of: /^FixedString\((\d+)\)$/).flatMap { Int($0.1) }
            switch type {
            case _ where type.wholeMatch(of: /U?Int\d+/) != nil: self = .integer
            case "UUID": self = .uuid
            case "String": self = .text
            default:
                guard let length else { return nil }
                self = .fixedText(length)
            }
        }
    }

    /// - Parameter types: ClickHouse's type of each column; those that are missing are not known.
    /// - Returns: nil when the identifying column is of a type whose values cannot be compared.
    init?(_ target: InsertTarget, _ identity: IdentityColumns, types: [String: String] = [:]) {
        guard let kind = Kind(types[identity.id].map(Self.withoutWrappers)) else { return nil }
        self.kind = kind
        self.target = target
        id = identity.id
        // Others are not stored to the second.
        time = identity.time.flatMap { types[$0].map(Self.withoutWrappers)?.hasPrefix("DateTime") ?? true ? $0 : nil }
    }

    /// `LowCardinality(Nullable(String))` holds the values of `String`.
    private static func withoutWrappers(_ type: String) -> String {
        let inner = type.wholeMatch(of: /(?:LowCardinality|Nullable)\((.*)\)/)?.1
        return inner.map { withoutWrappers(String($0)) } ?? type
    }

    /// The key as ClickHouse's `toString` writes it; nil when the column cannot hold it, so that it is not stored.
    func canonical(_ key: RowKey) -> RowKey? {
        let seconds = time == nil ? nil : key.seconds
        let text = String(decoding: key.id, as: UTF8.self)
        let id: [UInt8]? =
            switch kind {
            case .integer: Self.wholeNumber(text).map { Array($0.utf8) }
            case .uuid: Self.uuid(text).map { Array($0.uuidString.lowercased().utf8) }
            case .fixedText(let length):
                key.id.count > length ? nil : Array(key.id[...(key.id.lastIndex { $0 != 0 } ?? -1)])
            case .text, .unknown: key.id
            }
        return id.map { RowKey(id: $0, seconds: seconds) }
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

    /// Fails when the user or the table does not allow the question. It reads no rows.
    var probeStatement: String {
        let id = if case .uuid = kind { "00000000-0000-0000-0000-000000000000" } else { "0" }
        return statement([RowKey(id: Array(id.utf8), seconds: 1)], besides: " AND 0")
    }

    /// - Parameters:
    ///   - keys: canonical ones.
    ///   - condition: what must be true besides.
    func statement(_ keys: [RowKey], besides condition: String = "") -> String {
        let ids = keys.map { key in
            let text = String(decoding: key.id, as: UTF8.self)
            return if case .integer = kind { text } else { quoteString(text) }
        }
        let column = quoteIdentifier(id)
        let value = if case .unknown = kind { "toString(\(column))" } else { column }
        var seconds = "0"
        var conditions = "\(value) IN (\(ids.joined(separator: ", ")))"
        if let range = timeRange(keys), let time = time.map(quoteIdentifier) {
            seconds = "toUnixTimestamp(\(time))"
            conditions +=
                " AND \(time) >= toDateTime(\(range.lowerBound)) AND \(time) <= toDateTime(\(range.upperBound))"
        }
        return "SELECT toString(\(column)) AS \(Self.names.key), \(seconds) AS \(Self.names.seconds),"
            + " count() AS \(Self.names.rows) FROM \(target.quotedName) WHERE \(conditions)\(condition)"
            + " GROUP BY \(Self.names.key), \(Self.names.seconds) FORMAT TabSeparatedWithNames"
    }

    /// - Returns: rows with each key; nil when the text is not the whole answer to our query.
    func parse(_ text: String) -> [RowKey: Int]? {
        guard text.hasSuffix("\n"), text.hasPrefix(Self.header + "\n") else { return nil }
        var counts: [RowKey: Int] = [:]
        for line in text.lines.dropFirst() {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == 3, let seconds = Int64(fields[1]), let rows = Int(fields[2]), rows > 0 else {
                return nil
            }
            let id = Array(unescapeTabSeparated(fields[0]).utf8)
            // More than a batch has are never asked for, and sums of what a broken server counts must not overflow.
            counts[RowKey(id: id, seconds: seconds == 0 ? nil : seconds), default: 0] += min(rows, 1 << 32)
        }
        return counts
    }

    /// A second around the keys' times: they may have fractions, or have lost them. nil when times are not compared.
    private func timeRange(_ keys: [RowKey]) -> ClosedRange<Int64>? {
        let seconds = keys.compactMap(\.seconds)
        guard let first = seconds.min(), let last = seconds.max() else { return nil }
        return first - 1...last + 1
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
