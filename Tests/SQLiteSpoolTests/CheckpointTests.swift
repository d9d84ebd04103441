import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite struct CheckpointTests {
    @Test(arguments: [
        (0, false, false), (999, false, false), (1_000, false, true), (1_000, true, false), (1_999, true, false),
        (2_000, true, true),
    ])
    func `work that waits goes first until the WAL is too long`(pages: Int, isBusy: Bool, isDue: Bool) {
        #expect(CheckpointPolicy().isDue(walPages: pages, workIsWaiting: isBusy) == isDue)
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
                #expect(bytes < 17 << 20)
            }
            #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
        }
    }
}
