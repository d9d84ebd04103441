internal import Glibc
internal import SQLiteSpool

/// The system's calls, except that the process dies at one of those that change something: before it, after it, or when a part
/// of a write is done.
struct DeadlyFileSystem: FileSystem {
    private let system = SystemFileSystem()
    private let countdown: Countdown
    /// How much of the last write is made. Less than all: of another call nothing is.
    private let quarters: Int

    init(diesAt call: Int, quarters: Int) {
        countdown = Countdown(from: call)
        self.quarters = quarters
    }

    private func change(
        last: () throws(FileSystemFailure) -> Void = { () throws(FileSystemFailure) in },
        _ body: () throws(FileSystemFailure) -> Void
    ) throws(FileSystemFailure) {
        let isLast = countdown.next() == 0
        if isLast, quarters < 4 {
            try last()
            die()
        }
        try body()
        if isLast { die() }
    }

    func createPrivateFile(_ path: String) throws(FileSystemFailure) {
        try change { () throws(FileSystemFailure) in try system.createPrivateFile(path) }
    }

    func syncDirectory(_ directory: String) throws(FileSystemFailure) {
        try change { () throws(FileSystemFailure) in try system.syncDirectory(directory) }
    }

    func rename(_ path: String, to new: String) throws(FileSystemFailure) {
        try change { () throws(FileSystemFailure) in try system.rename(path, to: new) }
    }

    func rename(_ path: String, toNew new: String) throws(FileSystemFailure) {
        try change { () throws(FileSystemFailure) in try system.rename(path, toNew: new) }
    }

    func remove(_ path: String) throws(FileSystemFailure) {
        try change { () throws(FileSystemFailure) in try system.remove(path) }
    }

    func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileSystemFailure) {
        let part = Array(bytes.prefix(bytes.count / 4 * quarters))
        try change(last: { () throws(FileSystemFailure) in try system.write(part, to: path, at: offset) }) {
            () throws(FileSystemFailure) in
            try system.write(bytes, to: path, at: offset)
        }
    }

    func truncate(_ path: String, to bytes: Int) throws(FileSystemFailure) {
        try change { () throws(FileSystemFailure) in try system.truncate(path, to: bytes) }
    }

    func sync(_ path: String) throws(FileSystemFailure) {
        try change { () throws(FileSystemFailure) in try system.sync(path) }
    }

    // MARK: What changes nothing

    var vfs: String? { system.vfs }
    func status(of path: String) throws(FileSystemFailure) -> FileStatus? { try system.status(of: path) }
    func marks(of path: String) -> String? { system.marks(of: path) }
    func leads(_ path: String, to file: FileIdentity) -> Bool { system.leads(path, to: file) }
    func names(in directory: String) throws(FileSystemFailure) -> [String] { try system.names(in: directory) }
    func read(_ path: String, from offset: Int, count: Int) throws(FileSystemFailure) -> [UInt8] {
        try system.read(path, from: offset, count: count)
    }
    func openToReserve(_ path: String) throws(FileSystemFailure) -> any ReservableFile {
        try system.openToReserve(path)
    }
    func availableBytes(at path: String) throws(FileSystemFailure) -> Int { try system.availableBytes(at: path) }
    func mount(of path: String) -> Mount? { system.mount(of: path) }
    func overwritesInPlace(_ path: String, makes: Bool) throws(FileSystemFailure) -> Bool {
        try system.overwritesInPlace(path, makes: makes)
    }
    func holdIndex(_ path: String) throws(FileSystemFailure) -> (any ReservableFile)? { try system.holdIndex(path) }
    func readers(ofWALIndex path: String) -> [Int32] { system.readers(ofWALIndex: path) }
    func openLockFile(_ path: String) throws(FileSystemFailure) -> any LockFile { try system.openLockFile(path) }

    func openLockFileToRead(_ path: String) throws(FileSystemFailure) -> (any LockFile)? {
        try system.openLockFileToRead(path)
    }
}
