/// What `/proc/locks` says (proc_locks(5)).
struct LockTable {
    private let locks: [(process: Int32, file: Substring, bytes: ClosedRange<Int>)]

    init(_ text: String) {
        locks = text.split(separator: "\n").compactMap { line in
            // 1: POSIX  ADVISORY  READ 4242 fe:01:123456 124 124
            let fields = line.split(separator: " ")
            guard fields.count == 8, fields[1] == "POSIX", fields[3] == "READ", let process = Int32(fields[4]),
                let first = Int(fields[6]), let last = Int(fields[7]), first <= last
            else { return nil }
            return (process, fields[5], first...last)
        }
    }

    /// The processes with a shared lock on one of the bytes that stand for readers
    /// (https://www.sqlite.org/walformat.html#wal_locks).
    ///
    /// - Parameter inode: of the `-shm` file. The device is not compared: some file systems name another one here.
    func readers(ofWALIndex inode: UInt64) -> [Int32] {
        let readMarks = 123...127
        let readers = locks.filter { $0.file.hasSuffix(":\(inode)") && $0.bytes.overlaps(readMarks) }.map(\.process)
        return Set(readers).sorted()
    }
}
