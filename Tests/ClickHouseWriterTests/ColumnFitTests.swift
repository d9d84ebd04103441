@testable import ClickHouseWriter
import Foundation
import LLMTraces
import Testing

/// Whether a table's column can hold what a record type writes.
@Suite struct ColumnFitTests {
    @Test(arguments: [
        (UInt16.self as any RowValue.Type, "UInt16"), (UInt16.self, "UInt64"), (UInt16.self, "Int32"),
        (UInt16.self, "Float32"), (Int8.self, "Int8"), (Int64.self, "Int256"), (UInt16?.self, "Nullable(UInt32)"),
        (String.self, "LowCardinality(String)"), (String?.self, "LowCardinality(Nullable(String))"),
        (UInt32.self, "String"), (Bool.self, "UInt8"), (Date.self, "DateTime64(3, 'UTC')"),
        (Date.self, "DateTime64(6)"),
        (Double.self, "Float64"), (Float.self, "Float32"), (UInt16.self, "SomethingNew"),
    ])
    func `what fits is not spoken of`(type: any RowValue.Type, column: String) {
        #expect(ColumnFit.loss(of: type, in: column) == nil)
    }

    @Test(arguments: [
        (UInt16.self as any RowValue.Type, "UInt8"), (UInt16.self, "Int16"), (Int8.self, "UInt64"),
        (UInt64.self, "Float64"), (UInt32.self, "Float32"), (UInt16?.self, "Nullable(UInt8)"), (UInt16?.self, "UInt16"),
        (Date.self, "DateTime"), (Date.self, "DateTime('UTC')"), (Date.self, "DateTime64(0)"), (Date.self, "Date32"),
        (Double.self, "Float32"),
    ])
    func `what does not is`(type: any RowValue.Type, column: String) {
        #expect(ColumnFit.loss(of: type, in: column) != nil)
    }

    @Test func `a trace fits its own table, and an old server's but for the times`() {
        let types = [
            "request_id": "String", "session_id": "Nullable(UUID)", "is_streaming": "UInt8", "status_code": "UInt16",
            "requested_at": "DateTime('UTC')", "completed_at": "DateTime64(3, 'UTC')",
        ]
        #expect(
            ColumnFit.losses(TraceRecord.columnNames, in: types)
                == ["requested_at is DateTime('UTC'), and Date is written: fractions of a second are cut"]
        )
    }
}
