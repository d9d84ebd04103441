internal import Glibc
internal import Synchronization

/// Proof of owning a spool: an exclusive `flock` on `<spool>.lock`, which the kernel releases when the process dies.
///
/// The file holds the owner's process id, for the error that the next one gets. It stays behind when the lock is
/// released: removing it would let two processes lock two different files of the same name.
final class SpoolLock: Sendable {
    private let file: Mutex<Int32?>

    init(spool path: String) throws(SpoolError) {
        let lockPath = path + ".lock"
        let file = try SpoolError.wrapping { try FileSystem.open(lockPath, O_RDWR | O_CREAT | O_NOFOLLOW) }
        guard FileSystem.tryLock(file) else {
            let holder = FileSystem.readText(file).trimmingPrefix { $0.isWhitespace }.prefix { $0.isNumber }
            FileSystem.close(file)
            throw SpoolError(
                .inUse,
                """
                the spool \(path) is in use by process \(holder.isEmpty ? "(unknown)" : holder); \
                give every writer a spool of its own, or stop that process
                """
            )
        }
        // From here on `deinit` closes the file.
        self.file = Mutex(file)
        // The lock is held already, and the text is only for people: a full disk is no reason to refuse.
        FileSystem.replaceText(file, with: "\(FileSystem.processID)\n")
    }

    deinit {
        release()
    }

    func release() {
        guard let file = file.withLock({ $0.take() }) else { return }
        // Closing alone would not do: a child that is being forked at this moment holds the same lock until its exec.
        FileSystem.unlock(file)
        FileSystem.close(file)
    }
}
