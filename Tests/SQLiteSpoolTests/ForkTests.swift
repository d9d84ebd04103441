import Foundation
import Glibc
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct ForkTests {
    @Test func `a forked process is refused, and does not let the lock of its parent go`() async throws {
        // Forked in a process of its own: a child of the tests would be a copy of them all.
        await #expect(processExitsWith: .success) {
            let directory = FileManager.default.temporaryDirectory.appending(path: "fork-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: directory) }
            let path = directory.path(percentEncoded: false) + "/s"
            let spool = try Spool(SpoolConfiguration(path: path))
            let lock = try SystemFileSystem().openLockFile(path + ".other.lock")
            #expect(lock.tryLock())
            // Swift hides fork, because little may be done after it. What is done here needs no lock of anybody.
            let fork = unsafe unsafeBitCast(dlsym(nil, "fork"), to: (@convention(c) () -> pid_t).self)
            let child = fork()
            if child == 0 {
                lock.close()
                _exit(spool.queue.refusalAfterFork?.code == .refused ? 0 : 1)
            }
            var status: Int32 = -1
            waitpid(child, &status, 0)
            #expect(status == 0)
            #expect(spool.queue.refusalAfterFork == nil)
            #expect(try !SystemFileSystem().openLockFile(path + ".other.lock").tryLock())
            await spool.close()
        }
    }
}
