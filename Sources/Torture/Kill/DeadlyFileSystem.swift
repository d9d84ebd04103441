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

    func willMake(_ call: FileCall) throws(FileSystemFailure) -> Bool {
        guard call.isChange, countdown.next() == 0 else { return true }
        if case .write(let bytes, let path, let offset) = call {
            let part = quarters < 4 ? Array(bytes.prefix(bytes.count / 4 * quarters)) : bytes
            try system.write(part, to: path, at: offset)
        } else if quarters == 4 {
            try make(call)
        }
        die()
    }

    private func make(_ call: FileCall) throws(FileSystemFailure) {
        switch call {
        case .create(let path): try system.createPrivateFile(path)
        case .remove(let path): try system.remove(path)
        case .rename(let path, let new, replaces: true): try system.rename(path, to: new)
        case .rename(let path, let new, replaces: false): try system.rename(path, toNew: new)
        case .sync(let path): try system.sync(path)
        case .syncDirectory(let path): try system.syncDirectory(path)
        default: break
        }
    }
}

extension FileCall {
    /// Those of a lock file are none of the salvage's and the repair's.
    fileprivate var isChange: Bool {
        switch self {
        case .create, .remove, .rename, .write, .syncDirectory: true
        case .sync(let path): !path.hasSuffix(".lock")
        default: false
        }
    }
}
