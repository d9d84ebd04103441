import ClickHouseHTTP
@testable import ClickHouseWriter
import SQLiteSpool
import TestSupport
import Testing

/// What becomes of records that ClickHouse refuses.
@Suite(.bounded(seconds: 300)) struct IsolationTests {
    /// Runs `body` with a writer of batches of 100 on a table that refuses the numbers of `poison`.
    private func withServer(
        poison: Set<Int>,
        hint: SimulatedClickHouse.Hint = .right,
        clock: any WallClock = SkippingClock(),
        configure: (inout BatchWriterConfiguration) -> Void = { _ in },
        _ body: (SimulatedClickHouse, BatchWriter<Sample>, String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = SimulatedClickHouse(.knowsTokens, poison: poison, hint: hint)
            try await withWriter(at: directory + "/s", sink: server, clock: clock, configure: configure) { writer in
                try await body(server, writer, directory + "/s")
            }
        }
    }

    private func deadLetters(_ path: String) throws -> [String] {
        let database = try Database(path: path, access: .readOnly)
        let rows = try database.prepare("SELECT payload, code, message, attempts > 0, id FROM dead_letters ORDER BY id")
        var letters: [String] = []
        while try rows.step() {
            letters.append(
                "\(rows.text(0) ?? "") \(rows.integer(1) ?? 0) \(rows.text(2) ?? "") "
                    + "\(rows.integer(3) ?? 0) \(rows.integer(4) ?? 0)"
            )
        }
        return letters
    }

    @Test func `the poison record is found at each position by its row, in four sends`() async throws {
        for position in 0..<100 {
            try await withServer(poison: [position]) { server, writer, path in
                try await writer.write(contentsOf: samples(0..<100))
                try await writer.flush()
                #expect(Set(server.rows.keys) == Set(0..<100).subtracting([position]))
                #expect(writer.status.deadLetters == 1)
                #expect(writer.status.delivery == .fine)
                // The first record of a batch waits for one that is accepted, and is sent once more then.
                #expect(server.sends <= 4, "position \(position)")
                #expect(try deadLetters(path) == ["{\"n\":\(position)} 27 cannot parse 1 \(position + 1)"])
            }
        }
    }

    @Test func `without a row it is found by halving, at each position, in at most sixteen sends`() async throws {
        for position in 0..<100 {
            try await withServer(poison: [position], hint: .none) { server, writer, _ in
                try await writer.write(contentsOf: samples(0..<100))
                try await writer.flush()
                #expect(Set(server.rows.keys) == Set(0..<100).subtracting([position]))
                #expect(writer.status.deadLetters == 1)
                // A send for the whole, two for each of seven halvings, one to be sure.
                #expect(server.sends <= 16, "position \(position)")
            }
        }
    }

    @Test func `a row that is wrong is found out, and halving goes on`() async throws {
        try await withServer(poison: [57], hint: .wrong) { server, writer, _ in
            try await writer.write(contentsOf: samples(0..<100))
            try await writer.flush()
            #expect(Set(server.rows.keys) == Set(0..<100).subtracting([57]))
            #expect(writer.status.deadLetters == 1)
            #expect(server.sends <= 20)
        }
    }

    @Test(arguments: SimulatedClickHouse.Hint.allCases)
    func `many poison records cost no good one`(hint: SimulatedClickHouse.Hint) async throws {
        let poison: Set = [0, 1, 2, 50, 99, 100, 150, 249]
        try await withServer(poison: poison, hint: hint) { server, writer, _ in
            try await writer.write(contentsOf: samples(0..<250))
            try await writer.flush()
            #expect(Set(server.rows.keys) == Set(0..<250).subtracting(poison))
            #expect(writer.status.deadLetters == poison.count)
        }
    }

    @Test func `the children have tokens of their own, and each token one body`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.answer(.data, standing: .accepted)
            try await withWriter(at: directory + "/s", sink: sink, clock: SkippingClock()) { writer in
                try await writer.write(contentsOf: samples(0..<100))
                try await writer.flush()
                // The row of the answer is the third.
                #expect(sink.sends.map(\.rows) == [rows(0..<100), rows(0..<2), rows(2..<3), rows(3..<100)])
                #expect(Set(sink.sends.map(\.token)).count == 4)
            }
        }
    }

    @Test func `the children survive a restart, in the middle of the search`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.answer(.data, .accepted, standing: .transient)
            try await withWriter(at: directory + "/s", sink: sink, configure: { $0.shutdownTimeout = .zero }) {
                writer in
                try await writer.write(contentsOf: samples(0..<100))
                await #expect(throws: WriterError.self) { try await writer.flush() }
            }
            let rest = RecordingSink()
            try await withWriter(at: directory + "/s", sink: rest) { try await $0.flush() }
            #expect(rest.sends.map(\.rows) == [rows(2..<3), rows(3..<100)])
            #expect(rest.sends.first?.token == sink.sends.last?.token)
        }
    }

    @Test func `a record alone is held until another one shows that the table is fine`() async throws {
        try await withServer(poison: [7]) { server, writer, path in
            try await writer.write(Sample(number: 7))
            await #expect(throws: WriterError.self) { try await writer.flush() }
            guard case .poisoned(let reason) = writer.status.delivery else { Issue.record("\(writer.status)"); return }
            #expect(reason.contains("cannot parse"))
            #expect(try deadLetters(path) == [])
            #expect(writer.status.inFlight == 1)

            try await writer.write(Sample(number: 8))
            try await writer.flush()
            #expect(writer.status.delivery == .fine)
            #expect(try deadLetters(path).count == 1)
            #expect(server.rows == [8: 1])
        }
    }

    @Test func `when everything is refused nothing is given up, and all flows in order once the table is mended`()
        async throws
    {
        let clock = ManualClock()
        try await withServer(poison: [], clock: clock) { server, writer, path in
            server.setWrong(true)
            try await writer.write(contentsOf: samples(0..<300))
            await #expect(throws: WriterError.self) { try await writer.flush() }
            guard case .held = writer.status.delivery else { Issue.record("\(writer.status)"); return }
            #expect(server.sends < 40, "a table that is wrong is not hammered")
            let before = server.sends
            for _ in 0..<20 {
                await clock.waitForSleeper()
                clock.advance(by: .seconds(30))
            }
            #expect(server.sends - before <= 30)
            #expect(try deadLetters(path) == [])

            server.setWrong(false)
            try await writer.flush()
            #expect(server.rows == Dictionary(uniqueKeysWithValues: (0..<300).map { ($0, 1) }))
            #expect(writer.status.delivery == .fine)
            #expect(try deadLetters(path) == [])
        }
    }

    @Test func `a long run of poison does not keep good records back for long`() async throws {
        try await withServer(poison: Set(0..<500)) { server, writer, _ in
            try await writer.write(contentsOf: samples(0..<600))
            for _ in 0..<10 { try? await writer.flush() }
            #expect(Set(server.rows.keys) == Set(500..<600))
            // What comes later is delivered soon, and shows the table to be fine again and again.
            var next = 600
            while writer.status.deadLetters < 500, next < 800 {
                try await writer.write(Sample(number: next))
                try? await writer.flush()
                next += 1
                #expect(server.rows.count >= next - 500 - 5)
            }
            #expect(writer.status.deadLetters == 500)
            try await writer.flush()
            #expect(server.rows.count == next - 500)
        }
    }

    @Test func `a batch that is too large is cut, and its records arrive`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            let tooLarge = InsertOutcome.failed(
                InsertFailure(kind: .tooLarge, code: 252, message: "Too many partitions")
            )
            sink.answer(tooLarge, tooLarge, standing: .accepted)
            try await withWriter(at: directory + "/s", sink: sink, clock: SkippingClock()) { writer in
                try await writer.write(contentsOf: samples(0..<100))
                try await writer.flush()
                #expect(
                    sink.sends.map(\.rows) == [
                        rows(0..<100), rows(0..<50), rows(0..<25), rows(25..<50), rows(50..<100),
                    ]
                )
            }
        }
    }

    @Test func `batches grow while a backlog drains, and shrink when they do not fit into memory`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.answer(.accepted, .accepted, .transient, standing: .accepted)
            try await withWriter(
                at: directory + "/s",
                sink: sink,
                clock: SkippingClock(),
                configure: { $0.catchUpBatchSize = 1_000 }
            ) { writer in
                try await writer.write(contentsOf: samples(0..<3_000))
                while writer.status.pending + writer.status.inFlight > 0 { try? await writer.flush() }
                let sizes = sink.sends.map(\.rows.count)
                #expect(sizes[0] == 100 && sizes[1] == 400 && sizes.max() == 1_000)
                // The third does not fit once. It may be stored and the table cannot be asked, so it is not cut.
                #expect(sizes[2] == sizes[3])
                let accepted = sink.sends.prefix(2) + sink.sends.dropFirst(3)
                #expect(accepted.flatMap(\.rows) == rows(0..<3_000))
            }
        }
    }

    /// It may be stored: cut, it would be stored again under other tokens.
    @Test func `a batch that cannot be asked for is not cut for a lack of memory`() async throws {
        try await withTemporaryDirectory { directory in
            let away = RecordingSink()
            away.answer(standing: .transient)
            try await withWriter(at: directory + "/s", sink: away, configure: { $0.shutdownTimeout = .zero }) {
                try await $0.write(contentsOf: samples(0..<40))
                try? await $0.flush()
            }
            // Today's records have an identity, those have not.
            let sink = RecordingSink(canReconcile: true)
            sink.answer(.transient, standing: .accepted)
            var configuration = BatchWriterConfiguration(spoolPath: directory + "/s", urls: ["http://a"], table: "t")
            configuration.maxBatchSize = 10
            let writer = try BatchWriter<Identified>(
                configuration: configuration,
                logger: LogRecorder().logger,
                sink: sink,
                clock: SkippingClock()
            )
            while writer.status.pending + writer.status.inFlight > 0, !Task.isCancelled { try? await writer.flush() }
            await writer.close()
            #expect(sink.sends.map(\.rows) == [rows(0..<40), rows(0..<40)])
            #expect(Set(sink.sends.map(\.token)).count == 1)
        }
    }

    private struct Identified: ClickHouseRecord {
        var id: String

        static let columns: [Column<Identified>] = [Column("id", \.id)]
        static let identity: RecordIdentity? = RecordIdentity(id: "id")
    }

    @Test func `several batches are sent at once where that is allowed`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.hang()
            try await withWriter(
                at: directory + "/s",
                sink: sink,
                configure: {
                    $0.maxInFlight = 3
                    $0.shutdownTimeout = .zero
                }
            ) { writer in
                try await writer.write(contentsOf: samples(0..<500))
                let sends = await sink.waitForSends(3)
                #expect(sends.map(\.rows.count) == [100, 100, 100])
                #expect(writer.status.inFlight == 300)
            }
        }
    }
}
