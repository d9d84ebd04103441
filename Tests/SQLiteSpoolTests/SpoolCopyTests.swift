import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

/// A file that was copied has the same content, and is another file.
@Suite(.bounded) struct SpoolCopyTests {
    private func uuid(_ path: String) throws -> String { try SpoolStatus(readingSpoolAt: path).uuid }

    @Test func `a copy gets a uuid of its own, and says of which spool it is a copy`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, copy) = (directory + "/s", directory + "/copy")
            let clock = ManualClock()
            try await withSpool(at: path, clock: clock) { spool in
                try await spool.appendNumbers(0..<5)
                #expect(spool.origin == nil)
                #expect(!spool.isNewCopy)
            }
            for suffix in ["", ".lock"] {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
            }
            let original = try uuid(path)
            let origin = SpoolOrigin(copyOf: original, foundAt: clock.now, doubtedThrough: 5)
            for isNewCopy in [true, false] {
                try await withSpool(at: copy, clock: clock) { spool in
                    #expect(spool.origin == origin)
                    #expect(spool.isNewCopy == isNewCopy)
                    #expect(spool.loss == nil)
                    // These are no other copy's.
                    try await spool.appendNumbers(5..<6)
                    try await spool.verify()
                }
                clock.advance(by: .seconds(10))
            }
            #expect(try uuid(copy) != original)
            #expect(try SpoolStatus(readingSpoolAt: copy).origin == origin)
            let view = try Database(path: copy, access: .readOnly).text("SELECT origin FROM spool_status")
            #expect(view?.hasPrefix("copy of \(original), found 2") == true)
            try await withSpool(at: path) { spool in #expect(spool.origin == nil) }
            #expect(try uuid(path) == original)
        }
    }

    @Test func `a file that was renamed, or is opened again, is no copy`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, other) = (directory + "/s", directory + "/other")
            try await withSpool(at: path) { try await $0.appendNumbers(0..<5) }
            let original = try uuid(path)
            try FileManager.default.moveItem(atPath: path, toPath: other)
            for _ in 0..<2 {
                try await withSpool(at: other) { spool in
                    #expect(spool.origin == nil)
                    #expect(spool.recovered.pending == 5)
                }
            }
            #expect(try uuid(other) == original)
        }
    }

    @Test func `a file system that tells no file from another finds no copies`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<5) }
            let database = try Database(path: path, access: .readWrite)
            #expect(try database.recognizeCopy(nil, now: WallInstant(milliseconds: 1)) == false)
            #expect(try database.readOrigin() == nil)
        }
    }

    @Test func `a copy that is damaged, and salvaged, still says that it is one`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, copy) = (directory + "/s", directory + "/copy")
            try await withSpool(at: path) { try await $0.appendNumbers(0..<5) }
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            try await withSpool(at: copy) { #expect($0.isNewCopy) }
            let origin = try SpoolStatus(readingSpoolAt: copy).origin
            try Database(path: copy, access: .readWrite).execute("UPDATE spool SET records = 1")
            try await withSpool(at: copy) { spool in
                #expect(spool.loss?.salvaged == 5)
                #expect(spool.origin == origin)
                #expect(!spool.isNewCopy)
            }
        }
    }
}
