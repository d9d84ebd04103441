import ClickHouseWriter
import ClickHouseWriterTesting
import Foundation
import TestSupport
import Testing

/// What happens to files: they are copied, put back and cloned, and their locks are removed. The table recognises a batch
/// by its token, so a token that comes again for other records would lose them without a word.
@Suite(.bounded) struct CopiedSpoolTests {
    private struct Event: ClickHouseRecord, Decodable {
        var n: Int

        static let columns: [Column<Event>] = [Column("n", \.n)]
    }

    private let destination = InMemoryDestination()

    private func deliver(_ numbers: Range<Int>, through path: String) async throws {
        let writer = try destination.makeWriter(for: Event.self, spoolPath: path)
        for number in numbers { try await writer.write(Event(n: number)) }
        try await writer.flush()
        #expect(await writer.close().remaining == 0)
    }

    private func copy(_ path: String, to other: String) throws {
        for suffix in ["", "-wal", ".lock"] {
            try? FileManager.default.removeItem(atPath: other + suffix)
            guard FileManager.default.fileExists(atPath: path + suffix) else { continue }
            try FileManager.default.copyItem(atPath: path + suffix, toPath: other + suffix)
        }
    }

    private func stored() throws -> Set<Int> { Set(try destination.rows(as: Event.self).map(\.n)) }

    @Test func `what is written after a backup was put back is delivered`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await deliver(0..<10, through: path)
            try copy(path, to: directory + "/backup")
            try await deliver(10..<110, through: path)
            try copy(directory + "/backup", to: path)
            try await deliver(110..<210, through: path)
            #expect(try stored() == Set(0..<210))
        }
    }

    @Test func `two clones of one image deliver what each was given`() async throws {
        try await withTemporaryDirectory { directory in
            let image = directory + "/image"
            try await deliver(0..<10, through: image)
            for (number, clone) in ["/a", "/b"].enumerated() {
                try copy(image, to: directory + clone)
                let first = 1_000 * (number + 1)
                try await deliver(first..<first + 100, through: directory + clone)
            }
            #expect(try stored().count == 210)
        }
    }

    @Test func `an older database whose lock was removed delivers what it is given`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await deliver(0..<10, through: path)
            try FileManager.default.copyItem(atPath: path, toPath: directory + "/old")
            try await deliver(10..<110, through: path)
            try FileManager.default.removeItem(atPath: path + ".lock")
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: directory + "/old", toPath: path)
            try await deliver(110..<210, through: path)
            #expect(try stored() == Set(0..<210))
        }
    }

    @Test func `where the table cannot be asked, the guarantee says what may be stored twice`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, copied) = (directory + "/s", directory + "/copy")
            destination.condition = .down
            let first = try destination.makeWriter(for: Event.self, spoolPath: path) {
                $0.shutdownTimeout = .milliseconds(10)
            }
            try await first.write(Event(n: 1))
            await first.close()
            try copy(path, to: copied)
            destination.condition = .accepting
            let writer = try destination.makeWriter(for: Event.self, spoolPath: copied)
            let doubt = "; at-least-once for what was pending when the spool's file was copied"
            #expect(writer.status.guarantee?.hasSuffix(doubt) == true)
            try await writer.flush()
            #expect(writer.status.guarantee?.hasSuffix(doubt) == false)
            await writer.close()
        }
    }
}
