struct FlushWaiters {
    typealias Completion = CheckedContinuation<Result<Void, DeliveryFailure>, Never>

    private var waiting: [(through: Int64, completion: Completion)] = []

    var isEmpty: Bool { waiting.isEmpty }

    /// The last record that is waited for; 0 when none is.
    var through: Int64 { waiting.lazy.map(\.through).max() ?? 0 }

    mutating func add(through id: Int64, _ completion: Completion) {
        waiting.append((id, completion))
    }

    /// - Returns: whom to tell that all records up to an id are delivered.
    mutating func take(deliveredThrough id: Int64) -> [Completion] { take(where: { $0 <= id }) }

    mutating func takeAll() -> [Completion] { take(where: { _ in true }) }

    /// - Parameter isOver: of the last record that is waited for.
    mutating func take(where isOver: (Int64) -> Bool) -> [Completion] {
        let over = waiting.filter { isOver($0.through) }
        waiting.removeAll { isOver($0.through) }
        return over.map(\.completion)
    }
}

/// Why a flush did not deliver everything.
package struct DeliveryFailure: Error {
    package let reason: String

    /// Whether trying again soon is pointless: the destination, or the data, has to be mended.
    package let isHeld: Bool

    /// Whether no server was reached.
    package var isUnreached = false

    /// When it is tried again by itself; nil when it is not.
    package let retryIn: Duration?

    static let closed = DeliveryFailure(reason: "the writer was closed", isHeld: false, retryIn: nil)
}
