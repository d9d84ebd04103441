internal import Synchronization

/// The memory that the bodies of all requests share.
final class BodyMemory: Sendable {
    /// In bytes.
    let limit: Int

    private let reserved = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// What is not reserved, in bytes.
    var freeBytes: Int { limit - reserved.withLock(\.self) }

    /// - Returns: false, and nothing is reserved, when less than this is free.
    func reserve(_ bytes: Int) -> Bool {
        reserved.withLock { reserved in
            guard bytes <= limit - reserved else { return false }
            reserved += bytes
            return true
        }
    }

    func free(_ bytes: Int) {
        reserved.withLock { $0 -= bytes }
    }
}
