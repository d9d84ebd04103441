internal import Glibc

/// Reads what an operator has written: keys, certificates, instructions.
package enum SmallFile {
    /// In bytes. A system's whole bundle of CAs is a quarter of a megabyte.
    package static let limit = 16 << 20

    package struct Unreadable: Error {
        package let reason: String
    }

    /// Reads a regular file whole. Anything else could block for ever, or have no end.
    package static func read(_ path: String) throws(Unreadable) -> [UInt8] {
        // Safe: the path is copied for the call. O_NONBLOCK: a FIFO must not wait for its writer.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw unreadable(errno) }
        defer { close(descriptor) }
        var status = stat()
        // Safe: the pointer is used for the call only.
        guard unsafe fstat(descriptor, &status) == 0 else { throw unreadable(errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw unreadable(EISDIR)
        default: throw Unreadable(reason: "it is not a regular file")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limit {
            // Safe: as many bytes are read as the buffer has.
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count > 0 {
                bytes.append(contentsOf: buffer[..<count])
            } else if errno != EINTR {
                throw unreadable(errno)
            }
        }
        throw Unreadable(reason: "it is larger than \(limit >> 20) MiB")
    }

    private static func unreadable(_ code: Int32) -> Unreadable {
        // Safe: strerror's text is copied at once.
        Unreadable(reason: unsafe String(cString: strerror(code)))
    }
}

/// What shows that a file was written or replaced since.
package struct FileStamp: Sendable, Equatable {
    /// Whether users who are neither the file's owner nor in its group may read it.
    package let othersCanRead: Bool

    /// Whether they may change it.
    package let othersCanWrite: Bool

    /// Device, inode, bytes, and the time of the last change.
    private let marks: [Int64]

    /// nil when there is no such file, or none that can be asked for.
    package init?(_ path: String) {
        var status = stat()
        // Safe: both are used for the call only.
        guard unsafe stat(path, &status) == 0 else { return nil }
        othersCanRead = status.st_mode & S_IROTH != 0
        othersCanWrite = status.st_mode & S_IWOTH != 0
        marks = [
            Int64(truncatingIfNeeded: status.st_dev), Int64(truncatingIfNeeded: status.st_ino), Int64(status.st_size),
            Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec),
        ]
    }
}
