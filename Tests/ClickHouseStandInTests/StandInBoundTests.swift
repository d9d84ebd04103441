@testable import ClickHouseStandIn
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTPCompression
import Testing

@Suite struct StandInBoundTests {
    /// 200 KiB of zeros, as gzip.
    private static let zeros = """
        H4sIAAAAAAACA+3BAQ0AAADCoPdPbQ8HFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE8G\
        P0831QAgAwA=
        """

    @Test func `its file, and those beside it, are their owner's only, also those of an earlier one`() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "stand-in-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        for isThere in [false, true] {
            let path = directory.appending(path: "rows-\(isThere).sqlite").path()
            if isThere {
                _ = FileManager.default.createFile(
                    atPath: path,
                    contents: nil,
                    attributes: [.posixPermissions: 0o666]
                )
            }
            let store = try StandInStore(path: path)
            _ = try await store.insert(StandInStore.Insert(database: "d", table: "t", token: "", rows: ["{}"]))
            for suffix in ["", "-wal", "-shm"] {
                let mode = try FileManager.default.attributesOfItem(atPath: path + suffix)[.posixPermissions] as? Int
                #expect(mode == 0o600, "\(suffix)")
            }
            await store.close()
        }
    }

    @Test func `what a body inflates to is bounded, and what is no gzip is an error`() throws {
        let bomb = ByteBuffer(bytes: try #require(Data(base64Encoded: Self.zeros)))
        let gzip: HTTPFields = [.contentEncoding: "gzip"]
        #expect(try StandInResponder.decode(bomb, gzip, limit: 200 << 10).readableBytes == 200 << 10)
        #expect(throws: NIOHTTPDecompression.DecompressionError.limit) {
            try StandInResponder.decode(bomb, gzip, limit: 64 << 10)
        }
        for body in [ByteBuffer(string: "no gzip"), bomb.getSlice(at: 0, length: 100) ?? ByteBuffer()] {
            #expect(throws: (any Error).self) { try StandInResponder.decode(body, gzip) }
        }
        #expect(StandInResponder.bodyLimit == 16 << 20)
    }
}
