package import SQLiteSpool
internal import Synchronization

/// A disk that fails on demand and forgets what was not synced.
///
/// It is one directory. The files in it are real, so locks and shared memory work as always; beside them it keeps what a
/// drive would have made durable of them. A power cut stops everything, and ``materialize(in:using:_:)`` makes the
/// files that are there afterwards.
///
///     Spool ──▶ FileSystem ─┐
///       └──▶ SQLite ──▶ VFS ┴──▶ DiskState: fail? power off? ──▶ the real file
package final class FaultyDisk: Sendable {
    /// Absolute, without symbolic links or a slash at the end.
    package let directory: String

    let system = SystemFileSystem()
    let model: DiskModel
    private let registration: Mutex<VFSRegistration>

    /// The name under which SQLite knows the disk.
    package let vfsName: String

    /// - Parameters:
    ///   - directory: what is in it already is durable.
    ///   - cut: the operation during which the power goes, counted from 1. See ``operations``.
    ///   - fault: the call that fails.
    package init(directory: String, cutAt cut: Int? = nil, fault: Fault? = nil) throws(FileSystemFailure) {
        var contents: [String: [UInt8]] = [:]
        for name in try system.names(in: directory) where !name.hasSuffix("-shm") {
            contents[name] = try system.contents(of: directory + "/" + name)
        }
        self.directory = directory
        model = DiskModel(DiskState(files: contents, cutAt: cut, fault: fault), directory: directory)
        let number = Self.instances.add(1, ordering: .relaxed).newValue
        vfsName = "faulty-disk-\(number)"
        registration = Mutex(VFSRegistration(name: vfsName, model))
    }

    private static let instances = Atomic(0)

    /// Writes, truncations, syncs and changes of names so far.
    package var operations: Int { model.state.withLock(\.operations) }

    /// The kind of each call so far.
    package var calls: [DiskCall] { model.state.withLock(\.calls) }

    /// Calls that failed because of the fault.
    package var faultsSeen: Int { model.state.withLock(\.faultsSeen) }

    /// Whether a sync has failed and no file was opened since: nothing that SQLite reads can be trusted to be on the disk.
    package var hasSyncFailedUnopened: Bool { model.state.withLock(\.hasSyncFailedUnopened) }

    package var isOff: Bool { model.state.withLock(\.isOff) }

    /// From now on every call fails.
    package func cutPower() {
        model.state.withLock { $0.cutPower() }
    }

    /// The fault is over.
    package func repair() {
        model.state.withLock { $0.repair() }
    }

    /// The next sync of this file fails, whenever it comes, and no other call.
    ///
    /// - Parameters:
    ///   - name: the file's in the disk's directory.
    ///   - operationsToCut: the operation during which the power goes, counted from the failure; nil: it stays.
    package func failNextSync(of name: String, operationsToCut: Int? = nil) {
        model.state.withLock { $0.failNextSync(of: name, operationsToCut: operationsToCut) }
    }

    /// Writes what a power cut leaves into another directory, which must be empty.
    ///
    /// - Parameter survival: what happens to unsynced work; nil draws one.
    /// - Returns: what was drawn.
    @discardableResult
    package func materialize(
        in directory: String,
        using generator: inout some RandomNumberGenerator,
        _ survival: Survival? = nil
    ) throws(FileSystemFailure) -> Survival {
        let survival = survival ?? Survival.allCases.randomElement(using: &generator) ?? .nothing
        let files = model.state.withLock { $0.afterPowerCut(survival, using: &generator) }
        for (name, bytes) in files { try system.create(directory + "/" + name, with: bytes) }
        return survival
    }
}
