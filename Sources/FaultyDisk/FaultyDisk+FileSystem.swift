internal import Glibc
package import SQLiteSpool

/// The spool's own calls.
extension FaultyDisk: FileSystem {
    package var vfs: String? { vfsName }

    package func status(of path: String) throws(FileSystemFailure) -> FileStatus? {
        try begin(.status, path)
        return try system.status(of: path)
    }

    /// No call that could fail: a name is looked at after each commit.
    package func leads(_ path: String, to file: FileIdentity) -> Bool { system.leads(path, to: file) }

    package func names(in directory: String) throws(FileSystemFailure) -> [String] {
        try begin(.names, directory)
        return try system.names(in: directory)
    }

    package func createPrivateFile(_ path: String) throws(FileSystemFailure) {
        let name = model.name(of: path)
        let isNew = name.map { model.file(named: $0) == nil } ?? false
        try begin(.create, path, isNew ? name.map { .create(name: $0) } : nil)
        try system.createPrivateFile(path)
    }

    package func syncDirectory(_ directory: String) throws(FileSystemFailure) {
        try begin(.syncDirectory, directory, .syncDirectory)
    }

    package func rename(_ path: String, to new: String) throws(FileSystemFailure) {
        if let name = model.name(of: path), let newName = model.name(of: new) {
            try begin(.rename, path, .rename(name: name, to: newName))
        }
        try system.rename(path, to: new)
    }

    package func rename(_ path: String, toNew new: String) throws(FileSystemFailure) {
        if let name = model.name(of: path), let newName = model.name(of: new), model.file(named: newName) == nil {
            try begin(.rename, path, .rename(name: name, to: newName))
        }
        try system.rename(path, toNew: new)
    }

    package func remove(_ path: String) throws(FileSystemFailure) {
        let name = model.name(of: path).flatMap { model.file(named: $0) == nil ? nil : $0 }
        try begin(.remove, path, name.map { .remove(name: $0) })
        try system.remove(path)
    }

    package func read(_ path: String, from offset: Int, count: Int) throws(FileSystemFailure) -> [UInt8] {
        try begin(.readFile, path)
        return try system.read(path, from: offset, count: count)
    }

    package func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(FileSystemFailure) {
        try begin(.write, path, file(at: path).map { .write(file: $0, offset: offset, bytes: bytes) })
        try system.write(bytes, to: path, at: offset)
    }

    package func truncate(_ path: String, to bytes: Int) throws(FileSystemFailure) {
        try begin(.truncate, path, file(at: path).map { .truncate(file: $0, size: bytes) })
        try system.truncate(path, to: bytes)
    }

    package func sync(_ path: String) throws(FileSystemFailure) {
        try begin(.sync, path, file(at: path).map { .sync(file: $0) })
    }

    private func file(at path: String) -> Int? { model.name(of: path).flatMap { model.file(named: $0) } }

    package func openToReserve(_ path: String) throws(FileSystemFailure) -> any ReservableFile {
        try begin(.open, path)
        return FaultyReservableFile(file: try system.openToReserve(path), path: path, model: model)
    }

    package func readers(ofWALIndex path: String) -> [Int32] { system.readers(ofWALIndex: path) }

    package func availableBytes(at path: String) throws(FileSystemFailure) -> Int {
        try begin(.availableBytes, path)
        return try system.availableBytes(at: path)
    }

    package func openLockFile(_ path: String) throws(FileSystemFailure) -> any LockFile {
        let name = model.name(of: path)
        let isNew = name.map { model.file(named: $0) == nil } ?? false
        try begin(.openLockFile, path, isNew ? name.map { .create(name: $0) } : nil)
        let file = try system.openLockFile(path)
        return FaultyLockFile(file, path: path, number: name.flatMap { model.file(named: $0) }, model)
    }

    package func openLockFileToRead(_ path: String) throws(FileSystemFailure) -> (any LockFile)? {
        try begin(.openLockFile, path)
        return try system.openLockFileToRead(path)
    }

    private func begin(_ call: DiskCall, _ path: String, _ change: DiskChange? = nil) throws(FileSystemFailure) {
        try model.begin(call, change ?? .nothing).orThrow(call, path)
    }
}

/// Changes nothing that a cut could take.
private struct FaultyReservableFile: ReservableFile {
    let file: any ReservableFile
    let path: String
    let model: DiskModel

    func reserve(_ bytes: Int) throws(FileSystemFailure) {
        try model.begin(.reserve, .nothing).orThrow(.reserve, path)
        try file.reserve(bytes)
    }

    func status() throws(FileSystemFailure) -> FileStatus { try file.status() }

    func tryLock() -> Bool { model.begin(.tryLock, .nothing) == nil && file.tryLock() }

    var overwritesInPlace: Bool { true }

    func startWriting() {
        file.startWriting()
    }

    func close() {
        file.close()
    }
}

/// A lock file.
private final class FaultyLockFile: LockFile {
    private let file: any LockFile
    private let path: String
    private let number: Int?
    private let model: DiskModel

    init(_ file: any LockFile, path: String, number: Int?, _ model: DiskModel) {
        self.file = file
        self.path = path
        self.number = number
        self.model = model
    }

    func tryLock() -> Bool { model.begin(.tryLock) == nil && file.tryLock() }

    func status() throws(FileSystemFailure) -> FileStatus { try file.status() }

    func showLock() { file.showLock() }

    var isHeld: Bool { file.isHeld }

    func readText() -> String { file.readText() }

    func write(_ text: String, at offset: Int) throws(FileSystemFailure) {
        let change = number.map { DiskChange.write(file: $0, offset: offset, bytes: Array(text.utf8)) }
        try model.begin(.writeLockFile, change ?? .nothing).orThrow(.writeLockFile, path)
        try file.write(text, at: offset)
    }

    func sync() throws(FileSystemFailure) {
        try model.begin(.sync, number.map { .sync(file: $0) } ?? .nothing).orThrow(.sync, path)
    }

    func close() {
        file.close()
    }
}

extension DiskFailure? {
    fileprivate func orThrow(_ call: DiskCall, _ path: String) throws(FileSystemFailure) {
        let code: Int32 =
            switch self {
            case nil: 0
            case .powerIsOff, .fault(.inputOutput), .fault(.sync), .fault(.lock): EIO
            case .fault(.noSpace), .fault(.shortWrite): ENOSPC
            }
        if code != 0 { throw FileSystemFailure(errno: code, action: "\(call.rawValue) \(path)") }
    }
}
