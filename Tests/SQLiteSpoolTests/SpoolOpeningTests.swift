import Foundation
import Glibc
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct SpoolOpeningTests {
    @Test func `a new spool and everything beside it is for its owner's eyes only`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                try await spool.append(payload(1))
                for file in ["", "-wal", "-shm", ".lock"] { #expect(try permissions(path + file) == 0o600) }
            }
        }
    }

    @Test func `the file carries the pragmas of a spool`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { _ in }
            let database = try Database(path: path, access: .readOnly)
            #expect(try database.integer("PRAGMA application_id") == SpoolIdentity.applicationID)
            #expect(try database.integer("PRAGMA user_version") == 6)
            #expect(try database.integer("PRAGMA auto_vacuum") == 2)
            #expect(try database.text("PRAGMA journal_mode") == "wal")
            #expect(
                try database.integer(
                    "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite%'"
                ) == 0
            )
        }
    }

    @Test(arguments: [SpoolConfiguration.Durability.powerLoss, .processCrash])
    func `the connection has the durability that was asked for`(durability: SpoolConfiguration.Durability) async throws
    {
        try await withTemporaryDirectory { directory in
            let file = try DatabaseFile(path: directory + "/traces.spool")
            let configuration = SpoolConfiguration(path: file.path, durability: durability)
            let lock = try SpoolLock(spool: file.path, .system)
            let clock = SystemWallClock()
            let opened = try SpoolOpening(file: file, configuration: configuration, lock: lock, clock: clock).run()
            #expect(opened.loss == nil)
            #expect(try opened.connection.database.integer("PRAGMA synchronous") == (durability == .powerLoss ? 2 : 1))
            #expect(try opened.connection.database.integer("PRAGMA secure_delete") == 2)
            #expect(try opened.connection.database.integer("PRAGMA trusted_schema") == 0)
            #expect(try opened.connection.database.integer("PRAGMA cell_size_check") == 1)
        }
    }

    @Test func `a second owner is refused, and told who the first is`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
                #expect(error?.code == .inUse)
                #expect(error?.message.contains("process \(getpid()), since 2") == true)
                try await spool.append(payload(1))
            }
            try await withSpool(at: path) { #expect($0.summary.pending == 1) }
        }
    }

    @Test func `a spool that is dropped without close can be opened again`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            var spool: Spool? = try Spool(SpoolConfiguration(path: path))
            try await spool?.append(payload(1))
            let ended = spool?.hasEnded
            spool = nil
            await ended?.value
            try await withSpool(at: path) { #expect($0.summary.pending == 1) }
        }
    }

    @Test func `a directory that is reached through a symbolic link is fine`() async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: directory + "/real", withIntermediateDirectories: false)
            try FileManager.default.createSymbolicLink(
                atPath: directory + "/link",
                withDestinationPath: directory + "/real"
            )
            try await withSpool(at: directory + "/link/traces.spool") { spool in
                #expect(spool.path == directory + "/real/traces.spool")
            }
        }
    }

    /// Each makes something at the path that a spool must not touch.
    enum Obstacle: String, CaseIterable {
        case symbolicLink, directory, textFile, otherDatabase, newerSpool, writableByOthers, noDirectory, noName
    }

    @Test(arguments: Obstacle.allCases)
    func `what is not ours to use is refused and left as it is`(obstacle: Obstacle) async throws {
        try await withTemporaryDirectory { directory in
            let path = try await prepare(obstacle, in: directory)
            let before = FileManager.default.contents(atPath: path)
            let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
            #expect(error?.code == .refused)
            #expect(FileManager.default.contents(atPath: path) == before)
        }
    }

    private func prepare(_ obstacle: Obstacle, in directory: String) async throws -> String {
        let path = directory + "/traces.spool"
        switch obstacle {
        case .symbolicLink:
            try Data().write(to: URL(filePath: directory + "/elsewhere"))
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: directory + "/elsewhere")
        case .directory:
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        case .textFile:
            try Data("Dear diary, this is more than a hundred bytes of text that is certainly no database.".utf8)
                .write(to: URL(filePath: path))
        case .otherDatabase:
            let database = try Database(path: path, access: .create)
            try database.execute("PRAGMA journal_mode = WAL; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        case .newerSpool:
            try await withSpool(at: path) { _ in }
            let database = try Database(path: path, access: .readWrite)
            try database.execute("PRAGMA user_version = 99")
        case .writableByOthers:
            try await withSpool(at: path) { _ in }
            try FileManager.default.setAttributes([.posixPermissions: 0o622], ofItemAtPath: path)
        case .noDirectory:
            return directory + "/absent/traces.spool"
        case .noName:
            return directory + "/"
        }
        return path
    }
}
