internal import Glibc

/// The calls to the operating system that the spool needs, with errors that name the path.
///
/// They are safe because C strings and buffers are used within the call only.
enum FileSystem {
    struct Failure: Error {
        let errno: Int32
        let action: String

        var message: String { unsafe "cannot \(action): \(String(cString: strerror(errno)))" }
    }

    struct Status {
        let isRegularFile: Bool
        let isSymbolicLink: Bool
        let owner: uid_t
        /// The permission bits, for example 0o600.
        let permissions: mode_t
    }

    /// The absolute path without symbolic links.
    static func resolve(_ path: String) throws(Failure) -> String {
        guard let resolved = unsafe realpath(path, nil) else {
            throw Failure(errno: errno, action: "find the directory \(path)")
        }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// What is at `path` itself, symbolic links not followed; nil when nothing is.
    static func status(of path: String) throws(Failure) -> Status? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw Failure(errno: errno, action: "look at \(path)")
        }
        return Status(
            isRegularFile: status.st_mode & S_IFMT == S_IFREG,
            isSymbolicLink: status.st_mode & S_IFMT == S_IFLNK,
            owner: status.st_uid,
            permissions: status.st_mode & 0o7777
        )
    }

    /// Creates an empty file that only its owner may read and write, and makes its name survive a power cut.
    static func createPrivateFile(_ path: String, in directory: String) throws(Failure) {
        let file = try open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)
        close(file)
        let directoryFile = try open(directory, O_RDONLY | O_DIRECTORY)
        defer { close(directoryFile) }
        guard fsync(directoryFile) == 0 else { throw Failure(errno: errno, action: "sync \(directory)") }
    }

    /// Opens, or creates with mode 0600, for this process and not for its children.
    static func open(_ path: String, _ flags: Int32) throws(Failure) -> Int32 {
        let file = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure(errno: errno, action: "open \(path)") }
        return file
    }

    /// - Returns: false when somebody else holds the lock.
    static func tryLock(_ file: Int32) -> Bool {
        flock(file, LOCK_EX | LOCK_NB) == 0
    }

    static func unlock(_ file: Int32) {
        flock(file, LOCK_UN)
    }

    /// The start of a small text file.
    static func readText(_ file: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = unsafe pread(file, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Overwrites a small text file, as far as that works.
    static func replaceText(_ file: Int32, with text: String) {
        let count = unsafe pwrite(file, text, text.utf8.count, 0)
        _ = ftruncate(file, off_t(max(0, count)))
    }

    static func close(_ file: Int32) {
        _ = Glibc.close(file)
    }

    static var userID: uid_t { geteuid() }
    static var processID: pid_t { getpid() }
}
