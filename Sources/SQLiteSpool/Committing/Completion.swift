/// A task that waits for what becomes of its work.
///
/// It is resumed exactly once: with the group that its work is in, or at once when the queue is closed. Having that checked
/// (`CheckedContinuation`) would cost each record an allocation.
@safe
struct Completion: Sendable {
    private let continuation: UnsafeContinuation<Result<Void, SpoolError>, Never>

    /// Waits until what `hand` was given is resumed.
    static func wait(_ hand: (Completion) -> Void) async throws(SpoolError) {
        let result = await unsafe withUnsafeContinuation { unsafe hand(Completion(continuation: $0)) }
        try result.get()
    }

    func resume(with result: Result<Void, SpoolError>) {
        unsafe continuation.resume(returning: result)
    }
}
