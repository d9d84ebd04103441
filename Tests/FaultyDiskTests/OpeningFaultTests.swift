@testable import FaultyDisk
import Foundation
import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct OpeningFaultTests {
    @Test func `an opening that fails at any call leaves no descriptor open`() async throws {
        try await withTemporaryDirectory { directory in
            var failures = 0
            for call in 1...1_000 {
                let disk = try FaultyDisk(
                    directory: directory,
                    fault: Fault(.inputOutput, atCall: call, isForGood: false)
                )
                do {
                    try await Spool(SpoolConfiguration(path: directory + "/traces.spool", fileSystem: disk)).close()
                } catch {
                    failures += 1
                }
                #expect(try openFiles(in: directory) == [], "call \(call)")
                if disk.faultsSeen == 0 { break }
            }
            #expect(failures > 50)
        }
    }

    private func openFiles(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
            .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0) }
            .filter { $0.hasPrefix(directory) }
    }
}
