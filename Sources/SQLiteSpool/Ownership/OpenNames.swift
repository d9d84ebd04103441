/// The names of a spool's open files: the database, its WAL and the lock. What is committed behind a name that leads elsewhere is
/// gone when the process ends.
struct OpenNames {
    private let fileSystem: any FileSystem
    private let lock: SpoolLock
    private let walPath: String
    /// The open WAL.
    let wal: FileIdentity
    private var others: [(path: String, file: FileIdentity)]

    /// - Parameter file: SQLite has just opened it, and its WAL.
    init(_ lock: SpoolLock, _ file: DatabaseFile) {
        fileSystem = file.fileSystem
        self.lock = lock
        walPath = file.path + "-wal"
        // No file at all: it was removed already.
        wal = (try? fileSystem.status(of: walPath))?.identity ?? FileIdentity(device: 0, inode: 0)
        others = lock.names
    }

    /// The first name that does not lead to the open file any more; nil while all of them do. Costs a `stat` each.
    var lost: String? {
        if !fileSystem.leads(walPath, to: wal) { return walPath }
        return others.first { !fileSystem.leads($0.path, to: $0.file) }?.path
    }

    /// Call it when there is another lock file.
    mutating func didMoveLock() {
        others = lock.names
    }
}
