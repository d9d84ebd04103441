import ClickHouseWriter
import Logging
import TestSupport
import Testing

/// What a program that lives does with its dead letters.
@Suite(.bounded) struct DeadLetterTests {
    /// Runs `body` with a writer whose table has refused the numbers 3 and 7 of ten.
    private func withDeadLetters(
        logger: Logger = LogRecorder().logger,
        _ body: (SimulatedClickHouse, BatchWriter<Sample>) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = SimulatedClickHouse(.knowsTokens, poison: [3, 7], hint: .right)
            try await withWriter(at: directory + "/s", sink: server, clock: SkippingClock(), logger: logger) { writer in
                try await writer.write(contentsOf: samples(0..<10))
                try await writer.flush()
                try await body(server, writer)
            }
        }
    }

    @Test func `a dead letter is read with its row and the reason`() async throws {
        try await withDeadLetters { _, writer in
            let letters = try await writer.deadLetters()
            #expect(letters.map(\.row) == ["{\"n\":3}", "{\"n\":7}"])
            #expect(letters.allSatisfy { $0.code == 27 && $0.message == "cannot parse" && $0.attempts > 0 })
            #expect(letters.allSatisfy { $0.isIntact && $0.enqueuedAt <= $0.deadLetteredAt })
            #expect(try await writer.deadLetters(after: letters[0].id, limit: 1) == [letters[1]])
            #expect(try await writer.deadLetters(.code(33)) == [])
            #expect(try await writer.deadLetters(.ids([letters[1].id])) == [letters[1]])
        }
    }

    @Test func `once the table is mended, what is requeued is delivered`() async throws {
        try await withDeadLetters { server, writer in
            server.poison = [7]
            #expect(try await writer.requeueDeadLetters(.all) == 2)
            try await writer.flush()
            #expect(Set(server.rows.keys) == Set(0..<10).subtracting([7]))
            #expect(server.rows.values.allSatisfy { $0 == 1 })
            // The other was refused once more, and is there under a new id.
            let letters = try await writer.deadLetters()
            #expect(letters.map(\.row) == ["{\"n\":7}"])
            #expect(letters[0].id > 10)
            #expect(writer.status.deadLetters == 1)
        }
    }

    @Test func `what is discarded is gone, and said`() async throws {
        let log = LogRecorder()
        try await withDeadLetters(logger: log.logger) { _, writer in
            let first = try await writer.deadLetters()[0].id
            #expect(try await writer.discardDeadLetters(.ids([first, 4_711])) == 1)
            #expect(try await writer.discardDeadLetters(.code(nil)) == 0)
            #expect(writer.status.deadLetters == 1)
            #expect(try await writer.deadLetters().map(\.row) == ["{\"n\":7}"])
        }
        #expect(log.entries.filter { $0.message == "Discarded dead letters" }.count == 1)
    }

    @Test func `a closed writer leaves them as they are`() async throws {
        try await withDeadLetters { _, writer in
            await writer.close()
            let error = await #expect(throws: WriterError.self) { try await writer.requeueDeadLetters(.all) }
            #expect(error?.code == .writerClosed)
            await #expect(throws: WriterError.self) { try await writer.discardDeadLetters(.all) }
            #expect(writer.status.deadLetters == 2)
        }
    }
}
