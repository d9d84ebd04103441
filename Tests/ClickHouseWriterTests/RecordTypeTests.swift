@testable import ClickHouseWriter
import Foundation
import TestSupport
import Testing

/// Who writes a record's row is decided by what its columns are.
@Suite(.bounded) struct RecordTypeTests {
    private struct Visit: ClickHouseRecord, Encodable {
        var url: String
        var status: UInt16?
        var milliseconds = 1_500

        static let columns: [Column<Visit>] = [
            Column("url", \.url),
            Column("status code", \.status),
            Column("seconds") { Double($0.milliseconds) / 1_000 },
        ]
    }

    /// Columns with values, and an `encode(to:)` of its own.
    private struct Loud: ClickHouseRecord {
        var text: String

        static let columns: [Column<Loud>] = [Column("text", \.text)]

        func encode(to row: inout RowEncoder) { row.write("text", text.uppercased()) }
    }

    private struct Named: ClickHouseRecord {
        static let columns = [ColumnName("a"), ColumnName("b", UInt16.self), "c"]

        func encode(to row: inout RowEncoder) {
            row.write("a", 1)
            row.write("b", UInt16(2))
            row.write("c", 3)
        }
    }

    private struct Wrapper<Value: RowValue & Sendable>: ClickHouseRecord {
        var value: Value

        static var columns: [Column<Self>] { [Column("value", \.value)] }
    }

    private func encode<Record: ClickHouseRecord>(_ record: Record) throws -> String {
        String(decoding: try record.row(ColumnNames(Record.columnNames)), as: UTF8.self)
    }

    @Test func `columns write the values that they are made with, also when the type is Encodable`() throws {
        #expect(
            try encode(Visit(url: "/\"", status: nil)) == #"{"url":"/\"","status code":null,"seconds":1.5}"#
        )
        #expect(try encode(Wrapper(value: [1, 2])) == #"{"value":[1,2]}"#)
    }

    @Test func `an encode of the type's own is the one that is used`() throws {
        #expect(try encode(Loud(text: "a")) == #"{"text":"A"}"#)
        #expect(try encode(Named()) == #"{"a":1,"b":2,"c":3}"#)
    }

    @Test func `a column that knows its value knows the type`() {
        #expect(Visit.columnNames.map(\.name) == ["url", "status code", "seconds"])
        #expect(Visit.columnNames.map { $0.type.map { "\($0)" } } == ["String", "Optional<UInt16>", "Double"])
        #expect(Named.columnNames.map { $0.type.map { "\($0)" } } == [nil, "UInt16", nil])
    }

    @Test func `a value that cannot be stored is refused, and its column named`() {
        let error = #expect(throws: WriterError.self) { try encode(Wrapper(value: Double.nan)) }
        #expect(error?.code == .recordNotEncodable)
        #expect(error?.message == "column \"value\": nan is not a finite number")
    }

    private struct Unnamed: ClickHouseRecord {
        static let columns: [ColumnName] = ["a"]
        static let identity: RecordIdentity? = RecordIdentity(id: "b")

        func encode(to row: inout RowEncoder) {}
    }

    private struct Quoted: ClickHouseRecord {
        static let columns: [ColumnName] = ["a\"b"]
        static let identity: RecordIdentity? = RecordIdentity(id: "a\"b")

        func encode(to row: inout RowEncoder) {}
    }

    /// The quote and the accent behind it are one character.
    private struct Accented: ClickHouseRecord {
        static let columns: [ColumnName] = ["a\"\u{301}b"]
        static let identity: RecordIdentity? = RecordIdentity(id: "a\"\u{301}b")

        func encode(to row: inout RowEncoder) {}
    }

    private struct ControlCharacter: ClickHouseRecord {
        static let columns: [ColumnName] = ["id", "a\nb"]
        static let identity: RecordIdentity? = RecordIdentity(id: "id", time: "a\nb")

        func encode(to row: inout RowEncoder) {}
    }

    @Test func `an identity that could not be read is refused`() {
        func open(_ type: (some ClickHouseRecord).Type) throws {
            let configuration = BatchWriterConfiguration(spoolPath: "/absent/x", urls: ["http://a"], table: "t")
            try open(type, configuration)
        }
        func open<Record: ClickHouseRecord>(_: Record.Type, _ configuration: BatchWriterConfiguration) throws {
            _ = try BatchWriter<Record>(configuration: configuration, logger: LogRecorder().logger)
        }
        #expect((#expect(throws: WriterError.self) { try open(Unnamed.self) })?.message.contains("\"b\"") == true)
        #expect((#expect(throws: WriterError.self) { try open(Quoted.self) })?.code == .invalidConfiguration)
        #expect((#expect(throws: WriterError.self) { try open(Accented.self) })?.code == .invalidConfiguration)
        #expect((#expect(throws: WriterError.self) { try open(ControlCharacter.self) })?.code == .invalidConfiguration)
    }
}
