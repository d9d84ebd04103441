/// A disk that fails at one call, or from one call on.
package struct Fault: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// EIO. For good it is a dead disk: whatever is asked of it fails.
        case inputOutput
        /// ENOSPC: nothing is written.
        case noSpace
        /// ENOSPC in the middle: the first half is written.
        case shortWrite
        /// A sync fails, and as on Linux the file's unsynced data counts as clean afterwards: later syncs succeed and do not
        /// write it.
        case sync
        /// Somebody else holds the lock.
        case lock
    }

    package var kind: Kind
    /// The call that fails first, counted from 1.
    package var call: Int
    /// The calls that are counted; nil: all. How many of one kind come before differs less from run to run.
    package var counted: DiskCall?
    /// Whether every later call that can fail so fails too.
    package var isForGood: Bool
    /// The operation during which the power goes, counted from the fault; nil: it stays.
    package var operationsToCut: Int?

    package init(
        _ kind: Kind,
        atCall call: Int,
        of counted: DiskCall? = nil,
        isForGood: Bool,
        operationsToCut: Int? = nil
    ) {
        self.kind = kind
        self.call = call
        self.counted = counted
        self.isForGood = isForGood
        self.operationsToCut = operationsToCut
    }

    /// - Parameters:
    ///   - number: the call's among all, or among those that are counted.
    ///   - hasHit: whether it has hit a call before.
    func hits(_ call: DiskCall, number: Int, hasHit: Bool) -> Bool {
        if hasHit { return isForGood && (kind == .inputOutput || call.faults.contains(kind)) }
        return number == self.call && counted ?? call == call
    }
}

/// How a call failed.
enum DiskFailure {
    case powerIsOff
    case fault(Fault.Kind)
}
