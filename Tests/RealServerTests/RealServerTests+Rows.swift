import ClickHouseHTTP
@testable import ClickHouseWriter
import Foundation
import FuzzProperties
import TestSupport
import Testing

/// That ClickHouse reads the rows as the encoder means them.
extension RealServerTests {
    private static let columns: [(values: any StorableValue.Type, type: String)] = [
        (String.self, "String"), (String.self, "LowCardinality(String)"), (Bool.self, "UInt8"), (Bool.self, "Bool"),
        (UInt8.self, "UInt8"), (UInt16.self, "UInt16"), (UInt32.self, "UInt32"), (UInt64.self, "UInt64"),
        (Int8.self, "Int8"), (Int16.self, "Int16"), (Int32.self, "Int32"), (Int64.self, "Int64"),
        (Double.self, "Float64"), (Float.self, "Float32"), (UUID.self, "UUID"), (Date.self, "DateTime64(3)"),
        (String?.self, "Nullable(String)"), (Double?.self, "Nullable(Float64)"), ([Int64].self, "Array(Int64)"),
        ([Float].self, "Array(Float32)"), ([String?].self, "Array(Nullable(String))"),
        ([[Date]].self, "Array(Array(DateTime64(3)))"),
    ]

    @Test func `whatever is encoded is stored as that value`() async throws {
        try await withDatabase { server, configuration in
            let isExact = try await server.query(
                "SELECT count() FROM system.settings WHERE name = 'precise_float_parsing'"
            )
            var checked = 0
            for (index, column) in Self.columns.enumerated() {
                var configuration = configuration
                configuration.table = "\(index)"
                guard try await server.makeTable(of: column.type, configuration) else { continue }
                var generator = SeededBytes(seed: UInt64(index))
                let values = (0..<500).map { _ in
                    var source = ByteSource(generator.nextInput())
                    return column.values.init(from: &source)
                }.filter { !$0.mustBeRefused }
                try await Self.insert(values, configuration)
                let rows = try await server.query(
                    "SELECT \(column.values.inSQL("value")) FROM \(configuration.target) ORDER BY n FORMAT TabSeparated"
                )
                let stored = rows.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
                // Servers without the setting read numbers with a point only nearly.
                if isExact == "1\n" || !column.type.contains("Float") {
                    let different = zip(values, stored).first { $0.inSQL != $1 }
                    #expect(different == nil, "\(column.type)")
                }
                #expect(stored.count == values.count, "\(column.type)")
                checked += stored.count
            }
            // Bool, LowCardinality and DateTime64 are too new for some servers.
            #expect(checked > 5_000)
        }
    }

    private static let misfits: [(any RowValue.Type, String, String)] = [
        (UInt16.self, "UInt8", "400"), (UInt16.self, "Nullable(UInt8)", "400"),
        (Int64.self, "Int32", "-2147483649"), (Int64.self, "UInt32", "4294967296"), (Int64.self, "UInt64", "-1"),
        (UInt64.self, "Float64", "9007199254740993"), (UInt64.self, "Decimal(9, 2)", "12345678"),
        (Double.self, "Float32", "0.123456789012"), (Double.self, "Decimal(9, 2)", "1.005"),
        (UInt16?.self, "UInt16", "null"), ([UInt16].self, "Array(UInt8)", "[400]"),
        ([Int?].self, "Array(Int64)", "[null]"), (Date.self, "DateTime('UTC')", #""1950-01-02T03:04:05.678Z""#),
        (Date.self, "Date", #""2026-01-02T03:04:05.678Z""#),
    ]

    @Test(arguments: misfits)
    func `a column that stores another value than it is sent is known as one`(
        type: any RowValue.Type,
        column: String,
        value: String
    ) async throws {
        try await withDatabase { server, configuration in
            var configuration = configuration
            configuration.table = "fit"
            #expect(try await server.makeTable(of: column, configuration))
            let client = try InsertClient(configuration)
            let row = #"{"n":1,"value":\#(value)}"# + "\n"
            let outcome = await client.insert(Array(row.utf8), token: "fit")
            await client.close()
            let loss = ColumnFit.loss(of: type, in: column)
            if outcome == .accepted {
                let stored = try await server.query(
                    "SELECT value FROM \(configuration.target) "
                        + "SETTINGS output_format_json_quote_64bit_integers = 0 FORMAT JSONEachRow"
                )
                #expect((stored == #"{"value":\#(value)}"# + "\n") == (loss == nil), "\(stored)")
            }
            // Times are refused where the server has a setting for it, and by every other column.
            let refusesTimes = try await server.query(
                "SELECT count() FROM system.settings WHERE name = 'date_time_overflow_behavior'"
            )
            if loss == .time || loss == .seconds && refusesTimes == "1\n" { #expect(outcome != .accepted) }
        }
    }

    @Test(arguments: [
        ("Int64", ["12", "007", "+7", "-0", "-012", "9223372036854775807"]),
        ("UInt64", ["18446744073709551615", "+007"]),
        ("UUID", ["3F2B6C1E-0B0A-4F6E-9D5A-0A1B2C3D4E5F", "0f2b6c1e0b0a4f6e9d5a0a1b2c3d4e5F"]),
        ("String", ["e\u{301}", "\u{301}", "\0", "it's \\"]),
        ("Nullable(UUID)", ["3F2B6C1E-0B0A-4F6E-9D5A-0A1B2C3D4E5F"]), ("Nullable(UInt64)", ["+007"]),
        ("LowCardinality(Nullable(String))", ["a", "Ä"]), ("FixedString(4)", ["a", "a\0b", "abcd"]),
    ])
    func `an id that a column took is found in it, however it was spelled`(type: String, ids: [String]) async throws {
        try await withDatabase { server, configuration in
            var configuration = configuration
            configuration.table = "ids"
            // LowCardinality is too new for some servers.
            guard try await server.makeTable(of: type, configuration) else { return }
            let client = try InsertClient(
                configuration,
                columns: ["value"],
                identity: RecordIdentity(id: "value")
            )
            var taken = 0
            for (number, id) in ids.enumerated() {
                let row = try RowEncoder.encode(ColumnNames(["n", "value"])) { row in
                    row.write("n", UInt32(number))
                    row.write("value", id)
                }
                let line = row + [UInt8(ascii: "\n")]
                // Servers differ in what they take.
                guard await client.insert(line, token: "\(type)-\(number)-\(number)") == .accepted else { continue }
                taken += 1
                let key = RowKey(id: Array(id.utf8), seconds: nil)
                let counts = try await client.countStored([key], token: "\(type)-other", doubtAge: nil).get()
                #expect((counts[key] ?? 0) > 0, "\(id)")
            }
            await client.close()
            #expect(taken > 0)
        }
    }

    private static func insert(_ values: [any StorableValue], _ configuration: BatchWriterConfiguration) async throws {
        var body: [UInt8] = []
        for (number, value) in values.enumerated() {
            body += try RowEncoder.encode(ColumnNames(["n", "value"])) { row in
                row.write("n", UInt32(number))
                row.write("value", value)
            }
            body.append(UInt8(ascii: "\n"))
        }
        let client = try InsertClient(configuration)
        let outcome = await client.insert(body, token: configuration.table)
        await client.close()
        #expect(outcome == .accepted, "\(type(of: values.first))")
    }
}

extension ClickHouseServer {
    /// - Returns: false when the server is too old for the type.
    fileprivate func makeTable(of type: String, _ configuration: BatchWriterConfiguration) async throws -> Bool {
        do {
            _ = try await query(
                "CREATE TABLE \(configuration.target) (n UInt32, value \(type)) ENGINE = MergeTree ORDER BY n"
            )
            return true
        } catch let failure as Failure where failure.text.hasPrefix("Code: 50") || failure.text.hasPrefix("Code: 44") {
            // It does not know the type, or has it for trial only.
            return false
        }
    }
}

/// A value that can be asked for without a loss.
private protocol StorableValue: FuzzValue {
    /// An expression of SQL's that says exactly what is in `column`, in plain ASCII.
    static func inSQL(_ column: String) -> String

    /// What that expression gives for this value.
    var inSQL: String { get }
}

extension String: StorableValue {
    fileprivate static func inSQL(_ column: String) -> String { "hex(\(column))" }

    fileprivate var inSQL: String { utf8.map { String(format: "%02X", $0) }.joined() }
}

extension Bool: StorableValue {
    fileprivate static func inSQL(_ column: String) -> String { "toString(toUInt8(\(column)))" }

    fileprivate var inSQL: String { self ? "1" : "0" }
}

extension StorableValue where Self: FixedWidthInteger {
    fileprivate static func inSQL(_ column: String) -> String { "toString(\(column))" }

    fileprivate var inSQL: String { description }
}

extension UInt8: StorableValue {}
extension UInt16: StorableValue {}
extension UInt32: StorableValue {}
extension UInt64: StorableValue {}
extension Int8: StorableValue {}
extension Int16: StorableValue {}
extension Int32: StorableValue {}
extension Int64: StorableValue {}

extension Double: StorableValue {
    fileprivate static func inSQL(_ column: String) -> String {
        "toString(reinterpretAsUInt64(reinterpretAsString(\(column))))"
    }

    fileprivate var inSQL: String { bitPattern.description }
}

extension Float: StorableValue {
    fileprivate static func inSQL(_ column: String) -> String {
        "toString(reinterpretAsUInt32(reinterpretAsString(\(column))))"
    }

    fileprivate var inSQL: String { bitPattern.description }
}

extension UUID: StorableValue {
    fileprivate static func inSQL(_ column: String) -> String { "toString(\(column))" }

    fileprivate var inSQL: String { uuidString.lowercased() }
}

extension Date: StorableValue {
    fileprivate static func inSQL(_ column: String) -> String { "toString(toUnixTimestamp64Milli(\(column)))" }

    fileprivate var inSQL: String { milliseconds.map { "\($0)" } ?? "refused" }
}

extension Optional: StorableValue where Wrapped: StorableValue {
    fileprivate static func inSQL(_ column: String) -> String {
        "if(isNull(\(column)), 'NULL', \(Wrapped.inSQL("assumeNotNull(\(column))")))"
    }

    fileprivate var inSQL: String { self?.inSQL ?? "NULL" }
}

extension Array: StorableValue where Element: StorableValue {
    fileprivate static func inSQL(_ column: String) -> String {
        "concat('[', arrayStringConcat(arrayMap(x -> \(Element.inSQL("x")), \(column)), ','), ']')"
    }

    fileprivate var inSQL: String { "[\(map(\.inSQL).joined(separator: ","))]" }
}
