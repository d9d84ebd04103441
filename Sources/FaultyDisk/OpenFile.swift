internal import CSQLite

/// A file that SQLite has open. SQLite uses it from one thread at a time.
final class OpenFile {
    private let model: DiskModel

    /// The disk's number of it; nil for a file elsewhere, which never fails.
    private let file: Int?
    private var syncsDirectory: Bool

    init(_ model: DiskModel, file: Int?, syncsDirectory: Bool) {
        self.model = model
        self.file = file
        self.syncsDirectory = syncsDirectory
    }

    func begin(_ call: DiskCall) -> DiskFailure? {
        file == nil ? nil : model.begin(call)
    }

    func truncate(to size: Int) -> DiskFailure? {
        file.flatMap { model.begin(.truncate, .truncate(file: $0, size: size)) }
    }

    func write(_ bytes: [UInt8], at offset: Int) -> DiskFailure? {
        file.flatMap { model.begin(.write, .write(file: $0, offset: offset, bytes: bytes)) }
    }

    func sync() -> DiskFailure? {
        guard let file else { return nil }
        if let failure = model.begin(.sync, .sync(file: file)) { return failure }
        guard syncsDirectory else { return nil }
        syncsDirectory = false
        // SQLite's own VFS ignores when this fails, so only the power can.
        return model.perform(.syncDirectory)
    }
}
