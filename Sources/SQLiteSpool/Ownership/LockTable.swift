/// What `/proc/locks` says (proc_locks(5)).
struct LockTable {
    private struct Lock {
        let kind: Substring
        let mode: Substring
        let process: Int32
        /// `fe:01:123456`: the device in hexadecimal digits, and the inode.
        let file: Substring
        let first: Int
        /// nil: to the end of the file.
        let last: Int?
    }

    private let locks: [Lock]

    init(_ text: String) {
        locks = text.split(separator: "\n").compactMap { line in
            // 1: POSIX  ADVISORY  READ 4242 fe:01:123456 124 124
            let fields = line.split(separator: " ")
            guard fields.count == 8, let process = Int32(fields[4]), let first = Int(fields[6]) else { return nil }
            return Lock(
                kind: fields[1],
                mode: fields[3],
                process: process,
                file: fields[5],
                first: first,
                last: Int(fields[7])
            )
        }
    }

    /// The processes with a shared lock on one of the bytes that stand for readers
    /// (https://www.sqlite.org/walformat.html#wal_locks).
    ///
    /// - Parameter inode: of the `-shm` file. The device is not compared: some file systems name another one here.
    func readers(ofWALIndex inode: UInt64) -> [Int32] {
        let readMarks = 123...127
        let readers = locks.filter { lock in
            guard lock.kind == "POSIX", lock.mode == "READ", let last = lock.last, lock.first <= last else {
                return false
            }
            return lock.file.hasSuffix(":\(inode)") && (lock.first...last).overlaps(readMarks)
        }
        return Set(readers.map(\.process)).sorted()
    }

    /// The process with an exclusive `flock` on a file; nil when there is none.
    ///
    /// - Parameters:
    ///   - device: of the file. Some file systems name another one here; then the process must be `expected`.
    ///   - expected: the process that says of itself that it has the lock.
    func holder(ofFile inode: UInt64, device: UInt64, expected: Int32?) -> Int32? {
        let holders = locks.filter { $0.kind == "FLOCK" && $0.mode == "WRITE" && $0.file.hasSuffix(":\(inode)") }
        if let expected, holders.contains(where: { $0.process == expected }) { return expected }
        return holders.first { lock in
            // As gnu_dev_major(3) takes a device apart, which Swift does not see.
            let major = device >> 8 & 0xfff | device >> 32 & ~0xfff
            let minor = device & 0xff | device >> 12 & ~0xff
            return lock.file.split(separator: ":").prefix(2).map { UInt64($0, radix: 16) } == [major, minor]
        }?.process
    }
}
