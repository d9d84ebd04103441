internal import Foundation
internal import Synchronization

/// Ends the process when a call does not return: a spool that hangs is as bad as one that loses.
final class Watchdog: Sendable {
    private let running = Mutex<(what: String, since: ContinuousClock.Instant)?>(nil)
    private let mode: String
    private let seed: UInt64
    private static let limit: Duration = .seconds(60)

    init(mode: String, seed: UInt64) {
        self.mode = mode
        self.seed = seed
        let thread = Thread { [weak self] in
            while let watchdog = self {
                watchdog.look()
                Thread.sleep(forTimeInterval: 1)
            }
        }
        thread.start()
    }

    /// Call it before whatever may hang.
    func begin(_ what: @autoclosure () -> String) {
        let what = what()
        running.withLock { $0 = (what, .now) }
    }

    func end() {
        running.withLock { $0 = nil }
    }

    private func look() {
        guard let hung = running.withLock({ $0 }), hung.since.duration(to: .now) > Self.limit else { return }
        report("this did not return within \(Self.limit): \(hung.what)")
        var verdict = Verdict(mode: mode, seed: seed)
        verdict.corrupt = 1
        verdict.details["hung"] = 1
        print(verdict.json)
        exit(1)
    }
}
