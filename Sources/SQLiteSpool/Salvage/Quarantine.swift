/// Sets a damaged spool aside under a dated name and puts a fresh one in its place, so that a power cut at any moment
/// leaves either the one or the other, or what is needed to go on.
///
///     traces.spool.salvaging                     being written: worth nothing, removed
///     traces.spool.salvaged-20261123T101500Z     whole: the damaged file goes to `….damaged-20261123T101500Z`, this one
///                                                takes its place
struct Quarantine {
    let path: String
    let fileSystem: any FileSystem

    /// Where the fresh spool is written.
    var draft: String { path + ".salvaging" }

    private var directory: String { SQLiteSpool.directory(ofFile: path) }
    private var name: Substring { path.dropFirst(directory.count) }

    /// The name of the damaged file.
    func damaged(_ date: String) -> String { "\(path).damaged-\(date)" }

    /// Makes way for a draft.
    func begin() throws(FileSystemFailure) {
        for suffix in ["", "-journal", "-wal", "-shm"] { try fileSystem.remove(draft + suffix) }
        try fileSystem.createPrivateFile(draft)
    }

    /// The draft is whole and closed: from here on the damaged file is replaced, at the latest by the next owner.
    func commit(_ date: String) throws(FileSystemFailure) {
        try fileSystem.rename(draft, to: "\(path).salvaged-\(date)")
        try fileSystem.syncDirectory(directory)
        try finish()
    }

    /// Goes on where a dead owner stopped.
    func finish() throws(FileSystemFailure) {
        let prefix = "\(name).salvaged-"
        for salvaged in try fileSystem.names(in: directory).filter({ $0.hasPrefix(prefix) }).sorted() {
            let target = damaged(String(salvaged.dropFirst(prefix.count)))
            // An old WAL beside a new database would be taken for the new one's, so it must be gone first, and for good.
            for suffix in ["", "-wal"] where try fileSystem.status(of: path + suffix) != nil {
                try fileSystem.rename(path + suffix, to: target + suffix)
            }
            try fileSystem.remove(path + "-shm")
            try fileSystem.syncDirectory(directory)
            try fileSystem.rename(directory + salvaged, to: path)
            try fileSystem.syncDirectory(directory)
        }
    }

    /// Keeps a copy of the WAL beside where the damaged file will be: SQLite drops what it cannot read of one.
    func keepWAL(_ original: [UInt8], _ date: String) throws(FileSystemFailure) {
        try fileSystem.write(original, to: damaged(date) + "-wal.original")
        try fileSystem.syncDirectory(directory)
    }

    /// Puts a repaired WAL in the place of the one that was kept.
    func replaceWAL(with repaired: [UInt8]) throws(FileSystemFailure) {
        try fileSystem.write(repaired, to: path + "-wal.repaired")
        try fileSystem.syncDirectory(directory)
        try fileSystem.rename(path + "-wal.repaired", to: path + "-wal")
        try fileSystem.remove(path + "-shm")
        try fileSystem.syncDirectory(directory)
    }
}
