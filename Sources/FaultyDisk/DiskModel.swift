internal import Synchronization

/// The state of a disk, shared by the connections that use it.
final class DiskModel: Sendable {
    let state: Mutex<DiskState>
    private let directory: String

    init(_ state: consuming DiskState, directory: String) {
        self.state = Mutex(state)
        self.directory = directory
    }

    /// The name in the disk's directory; nil for what is elsewhere.
    func name(of path: String) -> String? {
        guard path.hasPrefix(directory + "/") else { return nil }
        let name = path.dropFirst(directory.count + 1)
        return name.contains("/") ? nil : String(name)
    }

    func file(named name: String) -> Int? { state.withLock { $0.names[name] } }

    func begin(_ call: DiskCall, _ change: DiskChange = .nothing) -> DiskFailure? {
        state.withLock { $0.begin(call, change) }
    }

    /// See ``DiskState/perform(_:)``.
    func perform(_ change: DiskChange) -> DiskFailure? {
        state.withLock { $0.perform(change) }
    }

    /// Whether waiting for a lock is in vain, because a fault holds it.
    var feignsLocks: Bool {
        state.withLock { $0.fault?.kind == .lock && $0.faultsSeen > 0 }
    }
}
