/// What `/proc/locks` says (proc_locks(5)).
struct LockTable {
    /// Of lines like: `1: POSIX  ADVISORY  READ 4242 fe:01:123456 124 124`, with the device in hexadecimal digits, and the inode.
    private let locks: [[Substring]]

    init(_ text: String) {
        locks = text.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count == 8 }
    }

    /// The processes with a shared lock on one of the bytes that stand for readers
    /// (https://www.sqlite.org/walformat.html#wal_locks).
    ///
    /// - Parameter inode: of the `-shm` file. The device is not compared: some file systems name another one here.
    func readers(ofWALIndex inode: UInt64) -> [Int32] {
        let readMarks = 123...127
        let readers = locks.filter { lock in
            guard lock[1] == "POSIX", lock[3] == "READ", lock[5].hasSuffix(":\(inode)"),
                let first = Int(lock[6]), let last = Int(lock[7]), first <= last
            else { return false }
            return (first...last).overlaps(readMarks)
        }
        return Set(readers.compactMap { Int32($0[4]) }).sorted()
    }

    /// The process with an exclusive `flock` on a file; nil when there is none.
    ///
    /// - Parameters:
    ///   - device: of the file. Some file systems name another one here; then the process must be `expected`.
    ///   - expected: the process that says of itself that it has the lock.
    func holder(ofFile inode: UInt64, device: UInt64, expected: Int32?) -> Int32? {
        let holders = locks.filter { $0[1] == "FLOCK" && $0[3] == "WRITE" && $0[5].hasSuffix(":\(inode)") }
        if let expected, holders.contains(where: { Int32($0[4]) == expected }) { return expected }
        // As gnu_dev_major(3) takes a device apart, which Swift does not see.
        let numbers = [device >> 8 & 0xfff | device >> 32 & ~0xfff, device & 0xff | device >> 12 & ~0xff]
        return holders.first { $0[5].split(separator: ":").prefix(2).map { UInt64($0, radix: 16) } == numbers }
            .flatMap { Int32($0[4]) }
    }
}
