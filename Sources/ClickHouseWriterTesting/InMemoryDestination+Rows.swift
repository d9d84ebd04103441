internal import Foundation

extension InMemoryDestination {
    /// The stored rows, decoded. The type's keys are the columns' names; dates are read as records write them,
    /// `2026-11-22T16:23:00.123Z`.
    ///
    /// - Throws: the `DecodingError` of the first row that is not one.
    public func rows<Row: Decodable>(as type: Row.Type) throws -> [Row] {
        let decoder = JSONDecoder()
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            do {
                return try style.parse(text)
            } catch {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no date")
            }
        }
        return try rows.map { try decoder.decode(Row.self, from: Data($0.utf8)) }
    }
}
