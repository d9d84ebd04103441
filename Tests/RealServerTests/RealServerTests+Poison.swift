@testable import ClickHouseHTTP
import ClickHouseWriter
import LLMTraces
import TestSupport
import Testing

/// Records that ClickHouse refuses for their data.
///
/// A lone surrogate is not among them: neither a `String` nor what `JSONEncoder` writes can have one, and a `RowValue`
/// outside of the module writes only what others write.
extension RealServerTests {
    /// A column's type with a value that it takes and one that it refuses.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let type: String
        let good: String
        let bad: String
        var clauses = ""

        var testDescription: String { type + clauses }
    }

    static let refusals = [
        Refusal(type: "UInt8", good: "7", bad: "seven"),
        Refusal(type: "UUID", good: "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f", bad: "not-a-uuid"),
        Refusal(type: "DateTime", good: "2026-11-22T16:23:00.000Z", bad: "yesterday"),
    ]

    @Test(arguments: refusals)
    func `a bad record becomes a dead letter wherever in the batch it is`(refusal: Refusal) async throws {
        try await withDatabase { server, configuration in
            for position in [0, 50, 99] {
                try await expectDeadLetters([position], refusal, server, configuration, name: "at \(position)")
            }
        }
    }

    /// Expressions of the table that throw for a value. Servers before 20 have no constraints.
    static let expressions = [
        Refusal(type: "UInt64, x UInt64 DEFAULT intDiv(10, value)", good: "7", bad: "0"),
        Refusal(type: "UInt64, x UInt64 MATERIALIZED intDiv(10, value)", good: "7", bad: "0"),
        Refusal(type: "UInt64", good: "7", bad: "0", clauses: "PARTITION BY intDiv(10, value)"),
        Refusal(type: "UInt64, x Array(UInt64) MATERIALIZED range(value)", good: "7", bad: "10000000000"),
        Refusal(type: "String, x DateTime MATERIALIZED parseDateTime(value, '%Y')", good: "2026", bad: "then"),
        Refusal(type: "UInt64, CONSTRAINT c CHECK throwIf(value = 0) = 0", good: "7", bad: "0"),
        Refusal(type: "UInt64, CONSTRAINT c CHECK value > 0", good: "7", bad: "0"),
    ]

    @Test(arguments: expressions)
    func `a record for which an expression of the table throws becomes a dead letter`(refusal: Refusal) async throws {
        try await withDatabase { server, configuration in
            if try await !server.knowsTokens { return }
            try await expectDeadLetters([0, 57], refusal, server, configuration, name: "t")
        }
    }

    @Test(arguments: Deduplication.allCases)
    func `bad records are found among each other`(deduplication: Deduplication) async throws {
        try await withDatabase { server, configuration in
            if deduplication == .none, try await !server.knowsTokens { return }
            let refusal = Self.refusals[1]
            for (name, positions) in [("few", [0, 1, 50, 98, 99]), ("half", Array(stride(from: 0, to: 100, by: 2)))] {
                try await expectDeadLetters(positions, refusal, server, configuration, deduplication, name: name)
            }
        }
    }

    @Test(arguments: Deduplication.allCases)
    func `where every record is refused none is given up, and all arrive once the column is mended`(
        deduplication: Deduplication
    ) async throws {
        try await withDatabase { server, configuration in
            if deduplication == .none, try await !server.knowsTokens { return }
            try await server.createTable("n UInt64, value UInt8", configuration, deduplication)
            let writer = try openWriter(configuration, of: Measurement.self)
            try await writer.write(contentsOf: (0..<100).map { Measurement(n: $0, value: "value \($0)") })
            try await waitUntil("it is held") {
                if case .held = writer.status.delivery { true } else { false }
            }
            #expect(writer.status.deadLetters == 0)
            #expect(try await server.count("n", configuration) == "0\t0\n")

            _ = try await server.query("ALTER TABLE \(configuration.target) MODIFY COLUMN value String")
            try await waitUntil("all are delivered, and all is well") {
                writer.status.delivered == 100 && writer.status.delivery == .fine
            }
            #expect(writer.status.deadLetters == 0)
            await writer.close()
            #expect(try await server.count("value", configuration) == "100\t100\n")
        }
    }

    @Test func `strings of every kind are stored as they are`() async throws {
        try await withDatabase { server, configuration in
            var configuration = configuration
            configuration.maxRecordBytes = 32 << 20
            configuration.requestTimeout = .seconds(60)
            try await server.createTable("n UInt64, value String", configuration, .byToken)
            let values = [
                "", "\0", "a\0b", "\u{1}\u{8}\u{c}\u{1f}\u{7f}", "\r\n\t", "\"\\/'`",
                "\u{2028}\u{feff}\u{fffd}\u{10ffff}",
                "e\u{301}\u{200d}", "\\N", "\\ud800", String(repeating: "[", count: 100_000),
                String(repeating: #"{"a":"#, count: 10_000) + "1" + String(repeating: "}", count: 10_000),
            ]
            let long = String(repeating: "0123456789abcdef", count: 10 << 16)
            let writer = try openWriter(configuration, of: Measurement.self)
            try await writer.write(
                contentsOf: (values + [long]).enumerated().map { Measurement(n: $0.offset, value: $0.element) }
            )
            try await writer.flush()
            await writer.close()
            #expect(try await server.count("n", configuration) == "\(values.count + 1)\t\(values.count + 1)\n")
            for (number, value) in values.enumerated() {
                let stored = try await server.query(
                    "SELECT hex(value) FROM \(configuration.target) WHERE n = \(number)"
                )
                #expect(stored == hex(value) + "\n", "\(number)")
            }
            let stored = try await server.query(
                "SELECT length(value), replaceAll(value, '0123456789abcdef', '') FROM \(configuration.target)"
                    + " WHERE n = \(values.count)"
            )
            #expect(stored == "\(10 << 20)\t\n")
        }
    }

    /// Writes a batch of 100 records with bad ones in it to a table of its own.
    private func expectDeadLetters(
        _ positions: [Int],
        _ refusal: Refusal,
        _ server: ClickHouseServer,
        _ configuration: BatchWriterConfiguration,
        _ deduplication: Deduplication = .byToken,
        name: String
    ) async throws {
        var configuration = configuration
        configuration.table = name
        configuration.spoolPath += name
        let columns = "n UInt64, value \(refusal.type)"
        try await server.createTable(columns, configuration, deduplication, clauses: refusal.clauses)
        let writer = try openWriter(configuration, of: Measurement.self)
        try await writer.write(
            contentsOf: (0..<100).map {
                Measurement(n: $0, value: positions.contains($0) ? refusal.bad : refusal.good)
            }
        )
        try await waitUntil("all are delivered or dead, and all is well") {
            let status = writer.status
            return status.delivered + status.deadLetters == 100 && status.delivery == .fine
        }
        #expect(writer.status.deadLetters == positions.count)
        await writer.close()

        let stored = try await server.query("SELECT n FROM \(configuration.target) ORDER BY n")
        let good = (0..<100).filter { !positions.contains($0) }
        #expect(stored == good.map { "\($0)\n" }.joined(), "\(name)")
        let letters = try DeadLetter.all(in: configuration.spoolPath)
        #expect(letters.map(\.payload) == positions.map { #"{"n":\#($0),"value":"\#(refusal.bad)"}"# }, "\(name)")
        #expect(letters.map(\.id) == positions.map { Int64($0 + 1) }, "\(name)")
        for letter in letters {
            #expect(ExceptionCode.kind(of: letter.code ?? 0, message: letter.message) == .data, "\(letter)")
            #expect(letter.message.contains("Exception"), "\(letter)")
            #expect(letter.attempts > 0, "\(letter)")
        }
    }

    private func hex(_ text: String) -> String {
        text.utf8.map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

/// A number and a text, for columns of many types.
struct Measurement: ClickHouseRecord {
    var n: Int
    var value: String

    static let columns: [ColumnName] = ["n", "value"]
    static let identity: RecordIdentity? = RecordIdentity(id: "n")

    func encode(to row: inout RowEncoder) {
        row.write("n", n)
        row.write("value", value)
    }
}
