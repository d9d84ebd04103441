import Foundation
import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

@Suite(.bounded) struct WatchTests {
    /// What a spool has said over some seconds: (written so far, waiting, dropped so far, dead letters).
    private func history(_ samples: [(Int64, Int, Int, Int)?]) async throws -> WatchHistory {
        let view = try await soundView()
        var history = WatchHistory()
        for (second, sample) in samples.enumerated() {
            var status = view.status
            if let sample { (status.lastID, status.pending, status.dropped, status.deadLetters) = sample }
            history.add(sample == nil ? nil : status, at: .seconds(second))
        }
        return history
    }

    @Test(arguments: [
        ("records come and go", (10, 10, 0, 0), (30, 5, 0, 0), 20, 25),
        ("nothing happens", (10, 10, 0, 0), (10, 10, 0, 0), 0, 0),
        ("a file says anything", (0, 1 << 53, 0, 0), (.max, 0, 0, 0), 0x1p63, 0x1p63 + 0x1p53),
        ("what is dropped is not delivered", (10, 10, 0, 0), (12, 4, 8, 0), 2, 0),
        ("what is refused is not delivered", (10, 10, 0, 0), (10, 0, 0, 4), 0, 6),
        ("dead letters that are requeued are written", (10, 0, 0, 5), (15, 5, 0, 0), 5, 0),
        ("dead letters that are discarded are nothing", (10, 0, 0, 5), (10, 0, 0, 0), 0, 0),
    ])
    func `rates come from what changed between two samples`(
        name: String,
        before: (Int64, Int, Int, Int),
        after: (Int64, Int, Int, Int),
        written: Double,
        delivered: Double
    ) async throws {
        let history = try await history([before, after])
        #expect(history.latest.writesPerSecond == written)
        #expect(history.latest.deliveredPerSecond == delivered)
    }

    @Test func `over a gap, and from one spool to another, there is no rate`() async throws {
        var history = try await history([(10, 10, 0, 0), nil, (20, 10, 0, 0)])
        #expect(history.points.map(\.writesPerSecond) == [nil, nil, nil])
        #expect(history.points.map(\.depth) == [10, nil, 10])
        var other = try await soundView().status
        other.uuid = "another"
        other.lastID = 1_000
        history.add(other, at: .seconds(3))
        #expect(history.latest.writesPerSecond == nil)
    }

    @Test func `a line of blocks shows all that is remembered, however narrow it is`() async throws {
        let short = try await history((0..<4).map { (Int64($0), $0, 0, 0) })
        #expect(short.columns(10, \.depth) == [0, 1, 2, 3])
        let long = try await history((0..<1_000).map { (Int64($0), $0, 0, 0) })
        #expect(long.points.count == WatchHistory.most)
        let columns = long.columns(50, \.depth)
        #expect((40...50).contains(columns.count))
        #expect(columns.compactMap { $0 }.count == columns.count)
        #expect(columns.compactMap { $0 } == columns.compactMap { $0 }.sorted())
        #expect(long.columns(0, \.depth).isEmpty)
        #expect(WatchHistory().columns(10, \.depth).isEmpty)
    }

    @Test func `columns stay as they are while others are forgotten`() async throws {
        let samples = (0..<1_000).map { (Int64($0), $0 * $0, 0, 0) }
        let before = try await history(Array(samples.prefix(995))).columns(50, \.depth)
        let after = try await history(samples).columns(50, \.depth)
        // The newest column still grows, and the oldest shrinks.
        #expect(before.dropFirst(2).dropLast().allSatisfy { after.contains($0) })
    }

    @Test(
        arguments: [
            ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"), ([0, 0, 0], "▁▁▁"), ([5], "█"), ([nil, 1, nil, 2], " ▅ █"),
            ([0, 0.001, 1_000], "▁▂█"), ([], ""),
        ] as [([Double?], String)]
    )
    func `the largest value has a whole block, and only nothing the lowest`(values: [Double?], text: String) {
        #expect(Sparkline.text(values) == text)
    }

    private func screen(_ latest: Result<SpoolView, SpoolError>) async throws -> WatchScreen {
        WatchScreen(
            path: "/var/lib/proxy/traces.spool",
            now: WallInstant(milliseconds: 1_795_000_000_000),
            latest: latest,
            history: try await history((0..<300).map { (Int64($0 * 40), 2_000 - $0, 0, 0) }),
            interval: .seconds(1)
        )
    }

    @Test(arguments: [(80, 24), (40, 24), (200, 60), (40, 8), (20, 3), (3, 2), (1, 1)])
    func `the screen never has more than fits`(columns: Int, rows: Int) async throws {
        var view = try await soundView()
        view.status.state = .held
        view.status.reason = String(repeating: "there is no table `ibex`.`llm_traces` ", count: 20)
        view.status.deadLetters = 12
        let lines = try await screen(.success(view)).lines(columns: columns, rows: rows)
        #expect(lines.count <= rows)
        #expect(lines.allSatisfy { $0.count <= columns })
        // The blocks are what it is for.
        if columns >= 40 { #expect(lines[1].hasPrefix("depth            1,701  ") && lines[1].hasSuffix("▇")) }
    }

    @Test func `the screen says what to do`() async throws {
        var view = try await soundView()
        view.status.state = .held
        view.status.reason = "no table"
        let lines = try await screen(.success(view)).lines(columns: 80, rows: 24)
        #expect(lines[0].hasPrefix("/var/lib/proxy/traces.spool") && lines[0].hasSuffix("UTC"))
        #expect(lines[2].hasPrefix("writes/s            40  "))
        #expect(lines[3].hasPrefix("delivered/s         41  "))
        #expect(lines.contains("delivery     held"))
        #expect(lines.contains("last error   no table"))
        #expect(lines.contains { $0.hasPrefix("- ClickHouse takes nothing. Fix what the error names") })
        #expect(lines.last == "The last 5 min; Ctrl-C ends.")
    }

    @Test func `it waits for a spool that is not there`() async throws {
        let failure = SpoolError(.refused, "there is no file /tmp/s")
        let lines = try await screen(.failure(failure)).lines(columns: 80, rows: 24)
        #expect(lines.last == "waiting: there is no file /tmp/s")
        let line = WatchLine(now: WallInstant(milliseconds: 0), latest: .failure(failure), point: WatchHistory.Point())
        #expect(line.text == "1970-01-01 00:00:00  waiting: there is no file /tmp/s")
        #expect(try line.jsonLine.contains(#""error":"there is no file /tmp/s""#))
        #expect(try line.jsonLine.contains(#""pending":null"#))
    }

    @Test func `a line has the time and the numbers`() async throws {
        var view = try await soundView()
        view.status.pending = 1_204
        let point = WatchHistory.Point(depth: 1_204, writesPerSecond: 512.4, deliveredPerSecond: 0.25)
        let line = WatchLine(now: WallInstant(milliseconds: 1_795_000_000_000), latest: .success(view), point: point)
        #expect(
            line.text == "2026-11-18 11:06:40  fine  pending 1,204  in flight 0  writes/s 512  delivered/s 0.3  "
                + "oldest -  dead letters 0"
        )
        #expect(try line.jsonLine.contains(#""time":"2026-11-18T11:06:40Z","writes_per_second":512.4"#))
    }

    @Test(
        arguments: [
            ("1s", 1_000), ("500ms", 500), ("2.5s", 2_500), ("1m", 60_000), ("3", 3_000), ("99ms", nil), ("61m", nil),
            ("0s", nil), ("-1s", nil), ("1h", nil), ("", nil), ("s", nil), ("1.2.3s", nil), ("1e300s", nil),
            ("999999999999999999999s", nil),
        ] as [(String, Int?)]
    )
    func `an interval is a time of a sensible length`(text: String, milliseconds: Int?) {
        #expect(Interval(argument: text)?.duration == milliseconds.map { .milliseconds($0) })
    }
}
