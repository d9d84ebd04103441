import ClickHouseHTTP
import ClickHouseWriter
import Foundation
import SQLiteSpool

/// Whatever is stored, reading its keys and asking a table for them ends; the keys of rows that were encoded here are
/// theirs, and nothing of a record's leaves the quotes of a statement.
///
/// Input: rows or any text, and then what the table answers.
struct RecordProperty: Sendable {
    let spool: Spool

    func check(_ input: [UInt8]) async throws {
        var source = ByteSource(input)
        let type = source.choice(["String", "UUID", "UInt64", "Int64", "LowCardinality(String)", "FixedString(16)"])
        let isAnsweredWell = source.bool()
        if source.bool() {
            let identity = IdentityColumns(id: source.text(), time: source.bool() ? source.text() : nil)
            let fields = try await fields(of: [source.bytes()], identity)
            guard let fields, let keys = RowKey.keys(fields) else { return }
            try await ask(for: keys, identity, type, isAnsweredWell ? nil : source)
        } else {
            let name = source.choice(names)
            let rows = (0...source.byte() % 3).map { _ in Row(name: name, from: &source) }
            let identity = IdentityColumns(id: "\(name)", time: source.bool() ? "at" : nil)
            let fields = try await fields(of: rows.map { try $0.encoded() }, identity)
            let keys = try rowKeys(of: rows, comparesTime: identity.time != nil)
            try require(
                fields.flatMap { RowKey.keys($0) } == keys,
                "\(rows) have the keys \(keys), not \(fields ?? [])"
            )
            try await ask(for: keys, identity, type, isAnsweredWell ? nil : source)
        }
    }

    private let names: [StaticString] = ["id", "a.b", "1st", "$", "[0]", "naïve", "\u{1fef}", "e\u{301}", "it's", ""]

    private struct Row {
        let name: StaticString
        let id: any FuzzValue
        let at: Date

        init(name: StaticString, from source: inout ByteSource) {
            let types: [any FuzzValue.Type] = [String.self, UUID.self, UInt64.self, Int64.self]
            self.name = name
            id = source.choice(types).init(from: &source)
            // Of the range that can be written, as `checkRow` sees to the rest.
            at = Date(timeIntervalSince1970: Double(source.integer(Int64.self) % 2_200_000_000_000) / 1_000)
        }

        func encoded() throws -> [UInt8] {
            try RowEncoder.encode(ColumnNames([ColumnName("\(name)"), "at"])) { row in
                row.write(name, id)
                row.write("at", at)
            }
        }
    }

    /// - Returns: nil when the stored text cannot be read, as when it is no JSON.
    private func fields(
        of payloads: [[UInt8]],
        _ identity: IdentityColumns
    ) async throws -> [(id: String, seconds: Int64?)?]? {
        try await spool.append(contentsOf: payloads)
        guard let frozen = try await spool.freeze(maxRecords: payloads.count, maxBytes: .max) else {
            throw Violation("nothing is pending after an append")
        }
        let fields = try? await spool.keys(of: frozen.batch, idField: identity.id, timeField: identity.time)
        try require(fields.map { $0.count == payloads.count } ?? true, "not as many keys as records")
        try await spool.acknowledge(frozen.batch)
        return fields
    }

    private func rowKeys(of rows: [Row], comparesTime: Bool) throws -> [RowKey] {
        let times = try rows.map { row in
            guard let time = row.at.milliseconds else { throw Violation("a time that cannot be written") }
            // Down to the whole second, also before 1970.
            return time >= 0 ? time / 1_000 : (time - 999) / 1_000
        }
        let areInRange = times.allSatisfy { 1..<Int64(UInt32.max) ~= $0 }
        return zip(rows, times).map { row, time in
            let id = (row.id as? UUID)?.uuidString.lowercased() ?? "\(row.id)"
            return RowKey(id: Array(id.utf8), seconds: comparesTime && areInRange ? time : nil)
        }
    }

    private func ask(
        for keys: [RowKey],
        _ identity: IdentityColumns,
        _ type: String,
        _ anything: ByteSource?
    ) async throws {
        let columns = Set([identity.id, identity.time].compactMap { $0 }.map { Array($0.utf8) })
        let names = columns.map { String(decoding: $0, as: UTF8.self) }
        let table = SimulatedTable(
            columns: names,
            timeColumn: identity.time == identity.id ? nil : identity.time,
            idType: type,
            stored: keys.compactMap { Self.stored($0, in: type) },
            anything: anything
        )
        let client = InsertClient(
            endpoints: [try Endpoint.parse("http://a:8123").endpoint],
            target: InsertTarget(database: "da`ta", table: "t'a\\ble"),
            columns: names,
            identity: identity,
            credentials: nil,
            requestTimeout: .seconds(1),
            transport: table,
            sleep: { _ in }
        )
        let answer = await client.countStored(Set(keys), token: "token", doubtAge: .zero)
        try Self.checkQuestions(table.questions, keys, names)
        guard case .success(let counts) = answer else {
            return try require(anything != nil, "a good answer is not understood: \(answer)")
        }
        try require(Set(counts.keys) == Set(keys), "counts of other keys than those that were asked for")
        try require(counts.values.allSatisfy { $0 >= 0 }, "less than no row")
        if anything != nil { return }
        for (key, count) in counts {
            let isStored = Self.stored(key, in: type) != nil
            try require(isStored == (count > 0), "a stored key was not found, or another one was: \(key)")
        }
    }

    /// Nothing of a key or a name stands outside of quotes, but a whole number.
    private static func checkQuestions(_ questions: [String], _ keys: [RowKey], _ names: [String]) throws(Violation) {
        let ids = Set(keys.map(\.id)).union(keys.compactMap { stored($0, in: "UUID")?.id })
        let identifiers = Set((names + ["da`ta", "t'a\\ble"]).map { Array($0.utf8) })
        for question in questions {
            let statement = try SentStatement(question)
            try require(Set(statement.strings.map { Array($0.utf8) }).isSubset(of: ids), "another id: \(question)")
            try require(
                Set(statement.identifiers.map { Array($0.utf8) }).isSubset(of: identifiers),
                "another name: \(question)"
            )
            let isPlain = statement.skeleton.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII
                    && (scalar.properties.isAlphabetic || "0123456789_ (),.?<>=-".unicodeScalars.contains(scalar))
            }
            try require(isPlain && !statement.skeleton.contains("--"), "not all is quoted: \(question)")
        }
    }

    /// As a column of the type has the id; nil when it does not take it.
    private static func stored(_ key: RowKey, in type: String) -> RowKey? {
        let text = String(decoding: key.id, as: UTF8.self)
        let spelled: String? =
            switch type {
            case "UUID": uuid(text)?.uuidString.lowercased()
            case "UInt64": UInt64(text)?.description
            case "Int64": Int64(text)?.description
            case "FixedString(16)": key.id.count > 16 ? nil : String(text.reversed().drop { $0 == "\0" }.reversed())
            default: text
            }
        return spelled.map { RowKey(id: Array($0.utf8), seconds: key.seconds) }
    }

    /// With its dashes or without.
    private static func uuid(_ text: String) -> UUID? {
        guard text.utf8.count == 32 else { return UUID(uuidString: text) }
        let digits = text.map { "\($0)" }
        guard digits.count == 32 else { return nil }
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { digits[$0].joined() }
        return UUID(uuidString: groups.joined(separator: "-"))
    }
}
