import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct CheckpointTests {
    @Test(
        arguments: [
            (0, 0, nil, false, nil), (499, 499, nil, false, nil), (500, 499, nil, false, .moveAll),
            (500, 499, 450, false, .moveAll), (74, 74, nil, true, nil), (75, 74, nil, true, .mark),
            (149, 148, 75, true, nil), (150, 148, 75, true, .moveSlice), (300, 75, 150, true, .moveSlice),
            (300, 74, 150, true, nil), (300, 298, 150, false, nil), (1_999, 1_500, 1_950, true, nil),
            (2_000, 0, nil, true, .moveAll), (2_000, 1_500, 1_950, true, .moveAll),
        ] as [(Int, Int, Int?, Bool, CheckpointPolicy.Step?)]
    )
    func `work that waits goes first, slices between where the file grows, until the WAL is too long`(
        walPages: Int,
        newPages: Int,
        mark: Int?,
        isBusy: Bool,
        step: CheckpointPolicy.Step?
    ) {
        let policy = CheckpointPolicy()
        let bytes = { $0 * SpoolUsage.defaultPageBytes }
        let mark = mark.map(bytes)
        let found = policy.step(walBytes: bytes(walPages), newBytes: bytes(newPages), mark: mark, workIsWaiting: isBusy)
        #expect(found == step)
    }

    @Test func `a checkpoint goes as far as the mark, and to the end without it`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/marked.sqlite"
            let database = try Database(path: path, access: .create)
            try database.execute("PRAGMA journal_mode = WAL; CREATE TABLE rows (value); INSERT INTO rows VALUES (1)")
            var mark = WALMark(try Database(path: path, access: .readOnly))
            mark.set(at: 4_096)
            #expect(mark.bytes == 4_096)
            let before = try Data(contentsOf: URL(filePath: path))
            try database.execute("INSERT INTO rows VALUES ('beyond the mark')")
            #expect(try database.checkpoint() == false)
            let marked = try Data(contentsOf: URL(filePath: path))
            #expect(marked != before)
            #expect(marked.range(of: Data("beyond the mark".utf8)) == nil)
            mark.clear()
            #expect(mark.bytes == nil)
            #expect(try database.checkpoint())
            #expect(try Data(contentsOf: URL(filePath: path)).range(of: Data("beyond the mark".utf8)) != nil)
        }
    }

    @Test func `while it grows the WAL is moved in slices, and all of it in the end`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            let events = EventRecorder()
            let row = Array("{\"x\":\"\(String(repeating: "x", count: 3_000))\"}".utf8)
            try await withSpool(at: path, onEvent: events.record) {
                $0.checkpoints.bytesPerSlice = 80 << 10
            } _: { spool in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<16 {
                        group.addTask {
                            while events.slices < 5 { try await spool.append(row) }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
        }
    }

    @Test func `the WAL stays bounded under constant load`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                let row = Array("{\"x\":\"\(String(repeating: "x", count: 450))\"}".utf8)
                for _ in 0..<100 { try await spool.append(contentsOf: Array(repeating: row, count: 500)) }
                let attributes = try FileManager.default.attributesOfItem(atPath: path + "-wal")
                let bytes = (attributes[.size] as? NSNumber)?.intValue ?? 0
                #expect(spool.summary.payloadBytes > 20 << 20)
                #expect(bytes < 21 << 20)
            }
            #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
        }
    }
}
