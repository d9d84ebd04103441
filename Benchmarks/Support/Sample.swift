import ClickHouseWriter
import Foundation
import LLMTraces
import Logging

extension TraceRecord {
    /// What is written: 575 bytes of JSON.
    package static let sample = TraceRecord(
        requestID: "req-0f5d2c1e6a644d8",
        orgID: UUID(),
        agentID: UUID(),
        model: "gpt-4o-mini",
        provider: "openai",
        isStreaming: true,
        inputTokens: 1_234,
        outputTokens: 567,
        totalTokens: 1_801,
        authLatencyMs: 2,
        directiveLatencyMs: 1,
        providerTTFBMs: 312,
        totalLatencyMs: 4_821,
        statusCode: 200,
        isComplete: true,
        requestedAt: Date(),
        completedAt: Date()
    )
}

extension Logger {
    package static var silent: Logger { Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() } }
}

/// Why there are no figures, or none to believe.
package struct Unmeasurable: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
