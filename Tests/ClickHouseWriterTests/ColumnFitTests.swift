@testable import ClickHouseWriter
import Foundation
import LLMTraces
import Testing

/// Whether a table's column can hold what a record type writes.
@Suite struct ColumnFitTests {
    private static let fitting: [(any RowValue.Type, String)] = [
        (UInt16.self, "UInt16"), (UInt16.self, "UInt64"), (UInt16.self, "Int32"),
        (UInt16.self, "Float32"), (Int8.self, "Int8"), (Int64.self, "Int256"), (UInt16?.self, "Nullable(UInt32)"),
        (UInt16.self, "Nullable(UInt32)"), (UInt8.self, "BFloat16"), (UInt64.self, "Decimal(9, 2)"),
        // Negative ones are refused.
        (Int64.self, "UInt64"),
        (String.self, "LowCardinality(String)"), (String?.self, "LowCardinality(Nullable(String))"),
        (UInt32.self, "String"), (Bool.self, "UInt8"), (Date.self, "DateTime64(3, 'UTC')"),
        (Date.self, "DateTime64(6)"), ([Date?].self, "Array(Nullable(DateTime64(3)))"),
        (Double.self, "Float64"), (Float.self, "Float32"), (UInt16.self, "SomethingNew"), ([Int].self, "String"),
        (Int?.self, "Dynamic"), (Int?.self, "Variant(Int64, String)"),
    ]

    @Test(arguments: fitting)
    func `what fits is not spoken of`(type: any RowValue.Type, column: String) {
        #expect(ColumnFit.loss(of: type, in: column) == nil)
    }

    private static let losing: [(any RowValue.Type, String, ColumnFit.Loss)] = [
        (UInt16.self, "UInt8", .wrapping), (UInt16.self, "Int16", .wrapping),
        (Int64.self, "UInt32", .wrapping), (UInt64.self, "Float64", .digits), (UInt32.self, "Float32", .digits),
        (UInt16?.self, "Nullable(UInt8)", .wrapping), (UInt16.self, "Nullable(UInt8)", .wrapping),
        (UInt16?.self, "UInt16", .null), (String?.self, "LowCardinality(String)", .null),
        ([UInt16].self, "Array(UInt8)", .wrapping), ([[Int?]].self, "Array(Array(Int64))", .null),
        ([Int?].self, "Array(LowCardinality(Nullable(Int8)))", .wrapping), ([Int]?.self, "Array(Int64)", .null),
        (UInt16.self, "SimpleAggregateFunction(max, Nullable(UInt8))", .wrapping),
        (Date.self, "DateTime", .seconds), ([Date].self, "Array(DateTime('UTC'))", .seconds),
        (Date.self, "DateTime64(0)", .fractions), (Date.self, "DateTime64(2, 'UTC')", .fractions),
        (Date.self, "Date32", .time), (Date.self, "Date", .time), (Date.self, "Time", .time),
        (Double.self, "Float32", .digits), (Double.self, "Decimal(9, 2)", .digits), (Float.self, "BFloat16", .digits),
    ]

    @Test(arguments: losing)
    func `what does not is`(type: any RowValue.Type, column: String, loss: ColumnFit.Loss) {
        #expect(ColumnFit.loss(of: type, in: column) == loss)
    }

    @Test func `a trace fits its own table, and is delivered to an old server's, which cuts its times`() {
        let types = [
            "request_id": "String", "session_id": "Nullable(UUID)", "is_streaming": "UInt8", "status_code": "UInt16",
            "requested_at": "DateTime('UTC')", "completed_at": "DateTime64(3, 'UTC')",
        ]
        let losses = ColumnFit.losses(TraceRecord.columnNames, in: types, allowed: [])
        #expect(losses.holding == [])
        #expect(losses.tolerated.count == 1)
        #expect(losses.tolerated.first?.hasPrefix("requested_at is DateTime('UTC'), and Date is written: ") == true)
    }

    @Test func `every column that loses values is named, but for those that may`() {
        let types = ["status_code": "UInt8", "input_tokens": "Int32", "session_id": "UUID"]
        let problem = ColumnFit.problem(of: TraceRecord.columnNames, in: types, allowed: ["session_id"])
        for part in [
            "status_code is UInt8, and UInt16 is written: large numbers wrap", "input_tokens is Int32, and UInt32",
            "MODIFY COLUMN", "CLICKHOUSE_LOSSY_COLUMNS",
        ] { #expect(problem?.contains(part) == true, "\(part)") }
        #expect(problem?.contains("session_id") == false)
        #expect(ColumnFit.problem(of: TraceRecord.columnNames, in: types, allowed: Array(types.keys)) == nil)
    }
}
