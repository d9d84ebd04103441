internal import Glibc
package import SQLiteSpool

/// The spool's own calls.
extension FaultyDisk: FileSystem {
    package var vfs: String? { vfsName }

    /// Each cut makes other files of the same ones, which are no copies.
    package func marks(of path: String) -> String? { nil }

    package func mount(of path: String) -> Mount? { nil }

    /// - Returns: false for a sync: what that makes durable is kept apart.
    package func willMake(_ call: FileCall) throws(FileSystemFailure) -> Bool {
        switch call {
        case .status(let path): try begin(.status, path)
        case .names(let directory): try begin(.names, directory)
        case .availableBytes(let path): try begin(.availableBytes, path)
        case .read(let path): try begin(.readFile, path)
        case .open(let path): try begin(.open, path)
        case .openLock(let path, let creates): try begin(.openLockFile, path, creates ? creation(of: path) : nil)
        case .tryLock: try begin(.tryLock, "a file")
        case .reserve(let path): try begin(.reserve, path)
        case .create(let path): try begin(.create, path, creation(of: path))
        case .remove(let path):
            try begin(.remove, path, file(at: path) == nil ? nil : model.name(of: path).map { .remove(name: $0) })
        case .rename(let path, let new, let replaces):
            guard let name = model.name(of: path), let newName = model.name(of: new),
                replaces || model.file(named: newName) == nil
            else { return true }
            try begin(.rename, path, .rename(name: name, to: newName))
        case .write(let bytes, let path, let offset):
            try begin(.write, path, file(at: path).map { .write(file: $0, offset: offset, bytes: bytes) })
        case .writeLock(let bytes, let path, let offset):
            try begin(.writeLockFile, path, file(at: path).map { .write(file: $0, offset: offset, bytes: bytes) })
        case .sync(let path):
            try begin(.sync, path, file(at: path).map { .sync(file: $0) })
            return false
        case .syncDirectory(let path):
            try begin(.syncDirectory, path, .syncDirectory)
            return false
        }
        return true
    }

    private func file(at path: String) -> Int? { model.name(of: path).flatMap { model.file(named: $0) } }

    /// nil where the file is there already.
    private func creation(of path: String) -> DiskChange? {
        file(at: path) == nil ? model.name(of: path).map { .create(name: $0) } : nil
    }

    private func begin(_ call: DiskCall, _ path: String, _ change: DiskChange? = nil) throws(FileSystemFailure) {
        let code: Int32 =
            switch model.begin(call, change ?? .nothing) {
            case nil: 0
            case .powerIsOff, .fault(.inputOutput), .fault(.sync), .fault(.lock): EIO
            case .fault(.noSpace), .fault(.shortWrite): ENOSPC
            }
        if code != 0 { throw FileSystemFailure(errno: code, action: "\(call.rawValue) \(path)") }
    }
}

/// Whole files.
extension FileSystem {
    /// Creates a file that only its owner may read and write, with these bytes, and syncs it. Fails when there is one already.
    package func create(_ path: String, with bytes: [UInt8]) throws(FileSystemFailure) {
        try createPrivateFile(path)
        try write(bytes, to: path, at: 0)
        try sync(path)
    }

    /// For small files only.
    package func contents(of path: String) throws(FileSystemFailure) -> [UInt8] {
        try read(path, from: 0, count: status(of: path)?.bytes ?? 1)
    }
}
