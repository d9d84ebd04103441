internal import Foundation
package import NIOCore
internal import NIOPosix
internal import Synchronization

/// What is made of TLS files, and made anew when they change. What cannot be used leaves the old in force.
///
/// Nothing waits for a timer: whoever is about to connect, or was connected to, asks for ``current()``, and that looks at
/// the files when the last look is 10 s ago, or when a connection has failed since. Files are looked at and read on NIO's
/// threads for what blocks.
package final class TLSRenewal<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var stamps: [FileStamp?]
        /// nil when the next one is due at once.
        var lastLook: ContinuousClock.Instant?
        var failure: String?
    }

    private static var lookInterval: Duration { .seconds(10) }

    private let files: TLSFiles
    private let make: @Sendable (TLSFiles) throws(InvalidTLSFile) -> Value
    private let now: @Sendable () -> ContinuousClock.Instant
    private let onNews: @Sendable (TLSNews) -> Void
    private let state: Mutex<State>
    /// Held while files are read, so that the latest reading wins.
    private let reading: Mutex<Void>

    /// Reads the files by `make`, and blocks for as long as that takes.
    ///
    /// - Parameter onNews: told when the files were read anew. It must not block.
    package init(
        _ files: TLSFiles,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        onNews: @escaping @Sendable (TLSNews) -> Void,
        make: @escaping @Sendable (TLSFiles) throws(InvalidTLSFile) -> Value
    ) throws(InvalidTLSFile) {
        // Thrown before anything is there to be taken down: taking a `Mutex` down here ends Swift 6.3's optimizer.
        let stamps = files.stamps
        let value = try make(files)
        self.files = files
        self.make = make
        self.now = now
        self.onNews = onNews
        state = Mutex(State(value: value, stamps: stamps, lastLook: now()))
        reading = Mutex(())
    }

    /// What is in force, after a look at the files when that is due.
    package func current() async -> Value {
        if takeLook() { await onThread { $0.look(isForced: false) } }
        return state.withLock(\.value)
    }

    /// What is in force, after a look at the files when that is due.
    package func current(on eventLoop: any EventLoop) -> EventLoopFuture<Value> {
        guard takeLook() else { return eventLoop.makeSucceededFuture(state.withLock(\.value)) }
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { [self] in
            look(isForced: false)
            return state.withLock(\.value)
        }
    }

    /// Makes the next ``current()`` look at the files: a connection has failed, and they may be others by now.
    package func suspect() {
        state.withLock { $0.lastLook = nil }
    }

    /// Reads the files anew, changed or not, and tells what came of it.
    package func reread() async {
        await onThread { $0.look(isForced: true) }
    }

    /// Whether a look is due. The caller that gets true must look.
    private func takeLook() -> Bool {
        if files.isEmpty { return false }
        let now = now()
        return state.withLock { state in
            if let last = state.lastLook, last.duration(to: now) < Self.lookInterval { return false }
            state.lastLook = now
            return true
        }
    }

    private func onThread(_ body: @escaping @Sendable (TLSRenewal) -> Void) async {
        // A cancelled task is not told of a look that it would have done: the next one does it.
        try? await NIOThreadPool.singleton.runIfActive { body(self) }
    }

    private func look(isForced: Bool) {
        reading.withLock { _ in
            // From before the reading: what changes meanwhile is read at the next look.
            let stamps = files.stamps
            let (known, failure) = state.withLock { ($0.stamps, $0.failure) }
            // What could not be used may have become usable without a new stamp: its mode may have changed.
            guard isForced || failure != nil || stamps != known else { return }
            do throws(InvalidTLSFile) {
                let value = try make(files)
                state.withLock { state in
                    state.value = value
                    state.stamps = stamps
                    state.failure = nil
                }
                onNews(.renewed(files, warnings: files.warnings(now: Date())))
            } catch {
                state.withLock { $0.failure = error.description }
                if isForced || failure != error.description { onNews(.kept(reason: error.description)) }
            }
        }
    }
}

package enum TLSNews: Sendable {
    /// What the files hold is in force for new connections. The warnings are those of ``TLSFiles/warnings(now:)``.
    case renewed(TLSFiles, warnings: [String])

    /// The files cannot be used, and what was read before stays in force.
    case kept(reason: String)
}
