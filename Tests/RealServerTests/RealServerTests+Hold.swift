import ClickHouseWriter
import LLMTraces
import TestSupport
import Testing

/// Destinations that somebody has to mend.
extension RealServerTests {
    @Test(arguments: Mistake.allCases.filter { ClickHouseServer.isOurs || !$0.needsUsers })
    func `a wrong destination holds everything, and it arrives in order once that is mended`(
        mistake: Mistake
    ) async throws {
        try await withDatabase { server, configuration in
            try await TroublesomeProxy.withProxy(to: server.url) { proxy in
                var configuration = configuration
                try await mistake.make(server, &configuration)
                var behind = configuration
                behind.urls = [proxy.url]
                let writer = try openWriter(behind)
                try await writer.write(contentsOf: (0..<250).map { TraceRecord.numbered($0) })
                let error = await #expect(throws: WriterError.self) { try await writer.flush() }
                #expect(error?.code == .notDelivered)
                guard case .held(let reason) = writer.status.delivery else { Issue.record("\(writer.status)"); return }
                #expect(mistake.reasons.contains { reason.contains($0) }, "\(reason)")
                #expect(!reason.contains("right"))
                #expect(writer.status.pending + writer.status.inFlight == 250)
                #expect(writer.status.deadLetters == 0)
                #expect(proxy.inserts.isEmpty)
                if mistake.isSeenBefore { #expect(proxy.attempts == 0) }

                var mended = configuration
                (mended.user, mended.password) = (nil, nil)
                try await mistake.mend(server, mended)
                // Nobody restarts or flushes: the probe finds out.
                try await waitUntil("all are delivered, and all is well") {
                    writer.status.delivered == 250 && writer.status.delivery == .fine
                }
                await writer.close()
                #expect(try await server.count("request_id", configuration) == "250\t250\n")
                let numbers = proxy.inserts.flatMap(\.rows).map { String($0.split(separator: " ")[1]) }
                #expect(numbers == (100_000..<100_250).map { "\($0)" })
            }
        }
    }
}
