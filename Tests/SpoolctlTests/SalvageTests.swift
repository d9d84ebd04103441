import Foundation
@testable import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

@Suite(.bounded) struct SalvageTests {
    private func contents(_ paths: [String]) throws -> [Data] {
        try paths.map { try Data(contentsOf: URL(filePath: $0)) }
    }

    @Test(arguments: [true, false])
    func `what is readable goes into the new file, and the broken one stays as it was`(hasNote: Bool) async throws {
        try await withLetterSpool { path in
            try damage(path, "UPDATE records SET payload = '{\"n\":9}' WHERE id = 5")
            if !hasNote { try FileManager.default.removeItem(atPath: path + ".lock") }
            let files = [path] + (hasNote ? [path + ".lock"] : [])
            let before = try contents(files)
            let token = try Database(path: path, access: .readOnly).text("SELECT token FROM batches")
            let report = try SalvageCopy(of: path, to: path + ".new").run()
            #expect(report.loss.salvaged == 2)
            #expect(report.loss.setAside == 1)
            #expect(report.loss.lost == 0)
            #expect(report.deadLetters == 4)
            #expect(report.words.contains("salvaged 2 records, set aside 1 dead letter, lost none\n"))
            #expect(try contents(files) == before)
            let names = try FileManager.default.contentsOfDirectory(atPath: String(path.dropLast(2)))
            #expect(names.filter { $0.contains("salvaging") } == [])
            #expect(CheckReport(try SpoolCheck(path: path + ".new").run()).isSound)
            let spool = try Spool(SpoolConfiguration(path: path + ".new"))
            #expect(spool.loss == nil)
            #expect(spool.batches.map(\.token) == [token])
            await spool.close()
        }
    }

    @Test func `the WAL of a killed owner is salvaged with the file, over a damaged frame`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            var configuration = SpoolConfiguration(path: directory + "/living")
            configuration.checkpoints.quietPeriodMilliseconds = 3_600_000
            let spool = try Spool(configuration)
            for number in 0..<100 { try await spool.append(Array("{\"n\":\(number)}".utf8)) }
            for suffix in ["", "-wal", ".lock"] {
                try FileManager.default.copyItem(atPath: directory + "/living" + suffix, toPath: path + suffix)
            }
            await spool.close()
            var wal = try Data(contentsOf: URL(filePath: path + "-wal"))
            wal[wal.count / 2] ^= 4
            try wal.write(to: URL(filePath: path + "-wal"))
            let report = try SalvageCopy(of: path, to: path + ".new").run()
            #expect(report.loss.salvaged >= 90)
            #expect(report.loss.salvaged + report.loss.setAside + report.loss.lost >= 100)
            #expect(try Data(contentsOf: URL(filePath: path + "-wal")) == wal)
        }
    }

    @Test func `what must not be salvaged is refused, and nothing is left of the attempt`() async throws {
        try await withLetterSpool { path in
            func refusal(_ source: String, _ target: String) -> SpoolError? {
                #expect(throws: SpoolError.self) { try SalvageCopy(of: source, to: target).run() }
            }
            #expect(refusal(path, path + ".new")?.message.contains("is sound, there is nothing to salvage") == true)
            #expect(refusal(path, path)?.message.hasSuffix("exists; give the name of a new file") == true)
            #expect(refusal(path + ".absent", path + ".new")?.message.hasPrefix("there is no file") == true)
            try Data(repeating: 7, count: 9_000).write(to: URL(filePath: path + ".junk"))
            #expect(refusal(path + ".junk", path + ".new")?.message.contains("\(path).junk is not a SQLite") == true)
            let spool = try Spool(SpoolConfiguration(path: path))
            #expect(refusal(path, path + ".new")?.code == .inUse)
            await spool.close()
            let names = try FileManager.default.contentsOfDirectory(atPath: String(path.dropLast(2)))
            #expect(names.sorted().filter { $0.hasPrefix("s.") } == ["s.junk", "s.lock"])
        }
    }

    @Test func `a file that was set aside is salvaged with a warning, though it may be sound`() async throws {
        try await withLetterSpool { path in
            let setAside = path + ".damaged-20261123T101500Z"
            try FileManager.default.copyItem(atPath: path, toPath: setAside)
            let report = try SalvageCopy(of: setAside, to: path + ".new").run()
            #expect(report.wasSetAside)
            #expect(report.words.contains("do not deliver it"))
        }
    }
}
