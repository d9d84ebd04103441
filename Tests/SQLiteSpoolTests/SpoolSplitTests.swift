import Migrations
@testable import SQLiteSpool
import TestSupport
import Testing

/// Batches that are cut into smaller ones, and records that are given up.
@Suite(.bounded) struct SpoolSplitTests {
    @Test func `children take the place of a batch, with tokens and bytes of their own, also after a restart`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let (parent, children) = try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<10)
                let parent = try #require(try await spool.next(8)).batch
                try await spool.recordFailure(of: parent, error: "refused")
                let failed = try #require(spool.batches.first)
                let members = try await spool.members(of: failed)
                #expect(members.map(\.id) == Array(1...8))
                // 1 and 4 were delivered; 2, 3, 5 go together, 6, 7, 8 too.
                let pieces = [[members[1], members[2], members[4]], Array(members[5...])]
                return (parent.token, try await spool.replace(failed, members: members, with: pieces))
            }
            try await withSpool(at: path) { spool in
                #expect(spool.batches == children)
                #expect(spool.summary.inFlight == 6)
                #expect(spool.summary.pending == 2)
                #expect(spool.summary.deliveredThrough == 1)
                #expect(children.map(\.attempts) == [1, 1])
                #expect(Set(children.map(\.token) + [parent]).count == 3)
                var lines: [[String]] = []
                for child in children {
                    lines.append(FrozenBatch(batch: child, body: try await spool.body(of: child)).lines)
                    try await spool.acknowledge(child)
                }
                #expect(lines == [[1, 2, 4], [5, 6, 7]].map { $0.map { "{\"n\":\($0)}" } })
                #expect(spool.summary.undelivered == 2)
                #expect(spool.summary.payloadBytes == 2 * payload(8).count)
            }
        }
    }

    @Test func `a batch that was replaced or acknowledged is not replaced again`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s") { spool in
                try await spool.appendNumbers(0..<4)
                let batch = try #require(try await spool.next()).batch
                let members = try await spool.members(of: batch)
                try await spool.acknowledge(batch)
                _ = try await spool.replace(batch, members: members, with: [members])
                try await spool.deadLetter(batch, code: 27, message: "refused")
                #expect(spool.batches == [])
                #expect(spool.summary.deadLetters == 0)
                #expect(spool.summary.undelivered == 0)
            }
        }
    }

    @Test func `a dead letter keeps the record and why it is one`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let clock = ManualClock()
            let start = clock.now.milliseconds
            try await withSpool(at: path, clock: clock) { spool in
                try await spool.appendNumbers(7..<8)
                clock.advance(by: .seconds(2))
                let batch = try #require(try await spool.next()).batch
                try await spool.recordFailure(of: batch, error: "refused")
                let failed = try #require(spool.batches.first)
                try await spool.deadLetter(failed, code: nil, message: "no")
                #expect(spool.summary.deadLetters == 1)
                #expect(spool.summary.undelivered == 0)
                #expect(spool.summary.payloadBytes == 0)
            }
            let row = try Database(path: path, access: .readOnly).prepare("SELECT * FROM dead_letters")
            #expect(try row.step())
            #expect(
                [row.integer(0), row.integer(1), row.integer(3), row.integer(5), row.integer(6)] == [
                    1, start, nil, 1, start + 2_000,
                ]
            )
            #expect(row.text(2) == "{\"n\":7}")
            #expect(row.text(4) == "no")
        }
    }

    @Test func `what tells records from others is read as it stands in the JSON`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s") { spool in
                let rows = [
                    #"{"the id":"a\u0000\"b","at":"2026-11-22T16:23:00.999Z"}"#,
                    #"{"the id":18446744073709551615,"at":null}"#,
                    #"{"the id":null}"#,
                    #"{"at":"2026-11-22T16:23:00.999Z"}"#,
                ]
                for row in rows { try await spool.append(Array(row.utf8)) }
                let batch = try #require(try await spool.next()).batch
                let keys = try await spool.keys(of: batch, idField: "the id", timeField: "at")
                #expect(keys.map { $0?.id } == [#""a\u0000\"b""#, "18446744073709551615", nil, nil])
                #expect(keys.map { $0?.seconds } == [1_795_364_580, nil, nil, nil])
            }
        }
    }
}
