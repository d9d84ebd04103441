@testable import ClickHouseWriter
import Foundation
@testable import LLMTraces
import Migrations
import Testing

@Suite struct TraceRecordTests {
    static let sample = TraceRecord(
        traceID: UUID(uuid: (0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1)),
        requestID: "req-\"1\"",
        orgID: UUID(
            uuid: (0x3f, 0x2b, 0x6c, 0x1e, 0x0b, 0x0a, 0x4f, 0x6e, 0x9d, 0x5a, 0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f)
        ),
        agentID: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)),
        sessionID: nil,
        checkpointID: UUID(uuid: (0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
        model: "gpt-4o",
        provider: "openai",
        isStreaming: true,
        inputTokens: 12,
        outputTokens: .max,
        totalTokens: 0,
        authLatencyMs: 1,
        directiveLatencyMs: .max,
        providerTTFBMs: 250,
        totalLatencyMs: 1_000,
        statusCode: 200,
        isComplete: false,
        errorCode: "",
        requestedAt: Date(timeIntervalSince1970: 1_795_364_580.123),
        completedAt: Date(timeIntervalSince1970: 1_795_364_581.123)
    )

    @Test func `a trace is one line with the table's columns in their order`() throws {
        let text = String(decoding: try Self.sample.row(ColumnNames(TraceRecord.columnNames)), as: UTF8.self)
        #expect(
            text == #"{"trace_id":"00000000-0000-4000-8000-000000000001","#
                + #""request_id":"req-\"1\"","org_id":"3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f","#
                + #""agent_id":"00000000-0000-0000-0000-000000000003","session_id":null,"#
                + #""checkpoint_id":"ff000000-0000-0000-0000-000000000000","model":"gpt-4o","provider":"openai","#
                + #""is_streaming":true,"input_tokens":12,"output_tokens":4294967295,"total_tokens":0,"auth_latency_ms":1,"#
                + #""directive_latency_ms":65535,"provider_ttfb_ms":250,"total_latency_ms":1000,"status_code":200,"#
                + #""is_complete":false,"error_code":"","requested_at":"2026-11-22T16:23:00.123Z","#
                + #""completed_at":"2026-11-22T16:23:01.123Z"}"#
        )
    }

    @Test(arguments: [Migration.clickHouse, Migration.clickHouseLegacy])
    func `the table has exactly the record's columns and one that it computes`(migrations: [Migration]) throws {
        let create = try #require(migrations.flatMap(\.statements).first { $0.hasPrefix("CREATE TABLE") })
        let columns = create.split(separator: "\n").filter { $0.hasPrefix("    ") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
        let added = migrations.flatMap(\.statements).compactMap {
            $0.firstMatch(of: /ADD COLUMN (?:IF NOT EXISTS )?(\w+)/).map { String($0.1) }
        }
        #expect(added + columns == TraceRecord.columns.map(\.name) + ["event_date"])
    }

    @Test func `a migration goes to the table that was asked for, whatever its name`() throws {
        let statements = Migration.clickHouse.flatMap(\.statements).map {
            TraceTable.rename($0, database: "my`db", table: "t")
        }
        #expect(statements.count == 3)
        #expect(statements[2] == "ALTER TABLE `my\\`db`.`t` ADD COLUMN IF NOT EXISTS trace_id UUID")
        #expect(statements[0] == "CREATE DATABASE IF NOT EXISTS `my\\`db`")
        #expect(statements[1].hasPrefix("CREATE TABLE IF NOT EXISTS `my\\`db`.`t`\n"))
        #expect(statements[1].contains("non_replicated_deduplication_window = 10000"))
        let swapped = TraceTable.rename("`ibex`.`llm_traces`", database: "llm_traces", table: "ibex")
        #expect(swapped == "`llm_traces`.`ibex`")
    }

    @Test(arguments: [
        ("18.16.1", true), ("20.8.2.3", true), ("21.11.1", true), ("21.12.1", false), ("22.1", false),
        ("26.9.2.1", false),
    ])
    func `a server before 21.12 gets the legacy table`(version: String, isLegacy: Bool) {
        #expect((TraceTable.Dialect(version: version) == .legacy) == isLegacy)
    }
}
