internal import Foundation

/// What tells a row from all others: the value of its identifying column, as ClickHouse's `toString` writes it, and its
/// time.
package struct RowKey: Sendable, Hashable {
    /// UTF-8. Not a `String`, for which two spellings of one character are the same.
    package let id: [UInt8]

    /// Whole seconds since 1970; nil when the time is not compared.
    package let seconds: Int64?

    package init(id: [UInt8], seconds: Int64?) {
        self.id = id
        self.seconds = seconds
    }

    /// The keys of a batch's rows, from their JSON.
    ///
    /// - Parameter fields: the identifying field's JSON text and the time of each row.
    /// - Returns: nil when a row has no identifier, or one that is neither a string nor a whole number, or too long. Times are left out
    ///   when a row has none, or one that `DateTime` cannot hold.
    package static func keys(_ fields: [(id: String, seconds: Int64?)?]) -> [RowKey]? {
        let comparesTime = fields.allSatisfy { field in
            field?.seconds.map { timesOfDateTime.contains($0) } ?? false
        }
        var keys: [RowKey] = []
        keys.reserveCapacity(fields.count)
        for field in fields {
            guard let field, let id = text(ofJSON: field.id), id.utf8.count <= longestID else { return nil }
            keys.append(RowKey(id: Array(id.utf8), seconds: comparesTime ? field.seconds : nil))
        }
        return keys
    }

    /// In bytes. A query holds 256 KiB.
    private static let longestID = 10_000

    /// From 1970 to 2106, less a second at each end. ClickHouse's `toUnixTimestamp` refuses others.
    private static let timesOfDateTime = 1..<Int64(UInt32.max)

    private static func text(ofJSON json: String) -> String? {
        // By its byte: for `String` a quote followed by an accent is another character.
        if json.utf8.first == UInt8(ascii: "\"") {
            return try? JSONDecoder().decode(String.self, from: Data(json.utf8))
        }
        return json.isWholeNumber ? json : nil
    }
}

extension String {
    /// Digits, with a minus before them or without.
    var isWholeNumber: Bool {
        let digits = hasPrefix("-") ? dropFirst() : self[...]
        return !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber }
    }
}
