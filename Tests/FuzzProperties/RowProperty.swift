import ClickHouseWriter
import Foundation

/// What is encoded is one line of JSON that says the same values, and what cannot be said exactly is refused.
///
/// Input: whether the row is of an `Encodable` type, and then values, each with its type before it.
func checkRow(_ input: [UInt8]) throws {
    var source = ByteSource(input)
    if source.bool() { return try checkEncodableRow(&source) }
    var fields: [(name: StaticString, value: any FuzzValue)] = []
    for name in names where !source.isEmpty {
        fields.append((name, source.choice(types).init(from: &source)))
    }
    try checkRow(fields.map { ("\($0.name)", $0.value) }) { columns in
        try RowEncoder.encode(columns) { row in
            for field in fields { row.write(field.name, field.value) }
        }
    }
}

private let names: [StaticString] = [
    "id", "", "quote\"", "back\\slash", "line\nfeed", "naïve", "e\u{301}", "\u{e9}", "\0", "🦩",
]

private let types: [any FuzzValue.Type] = [
    String.self, Bool.self, UInt8.self, UInt16.self, UInt32.self, UInt64.self, Int8.self, Int16.self, Int32.self,
    Int64.self, Double.self, Float.self, UUID.self, Date.self, String?.self, Double?.self, [Int64].self, [Float].self,
    [String?].self, [[Date]].self,
]

private func checkRow(
    _ fields: [(name: String, value: any FuzzValue)],
    _ encode: (ColumnNames) throws -> [UInt8]
) throws {
    let mustBeRefused = fields.contains { $0.value.mustBeRefused }
    let line: [UInt8]
    do {
        line = try encode(ColumnNames(fields.map { ColumnName($0.name) }))
    } catch let error as WriterError {
        return try require(mustBeRefused, "refused: \(error)")
    }
    try require(!mustBeRefused, "what cannot be stored exactly is not refused")
    try require(!line.contains(UInt8(ascii: "\n")), "more than one line")
    guard case .object(let read) = try StrictJSON(line) else { throw Violation("no object") }
    for (name, value) in fields {
        try require(
            read[Array(name.utf8)].map(value.isRead) ?? false,
            "\(value) as \(type(of: value)) reads back otherwise: \(String(decoding: line, as: UTF8.self))"
        )
    }
    try require(read.count == fields.count, "fields of nobody")
}

private struct EncodableRecord: ClickHouseRecord, Encodable {
    var text: String
    var count: UInt64
    var offset: Int64
    var number: Double
    var small: Float
    var at: Date
    var tags: [String]

    static let columns: [ColumnName] = ["text", "count", "offset", "number", "small", "at", "tags"]
}

private func checkEncodableRow(_ source: inout ByteSource) throws {
    let record = EncodableRecord(
        text: String(from: &source),
        count: UInt64(from: &source),
        offset: Int64(from: &source),
        number: Double(from: &source),
        small: Float(from: &source),
        at: Date(from: &source),
        tags: [String](from: &source)
    )
    let values: [any FuzzValue] = [
        record.text, record.count, record.offset, record.number, record.small, record.at, record.tags,
    ]
    try checkRow(Array(zip(EncodableRecord.columns.map(\.name), values)), record.row)
}
