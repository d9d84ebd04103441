internal import Dispatch
internal import Glibc
internal import SQLiteSpool

/// What `watch` waits for.
final class WatchEvents {
    enum Event {
        /// It is time for a sample.
        case tick
        /// A sample was read.
        case read(Result<SpoolView, SpoolError>)
        /// The terminal has another size.
        case resized
        /// The user suspends the program (Ctrl-Z).
        case suspended
        /// The user ends it (Ctrl-C), or the system does.
        case ended
    }

    /// A tick at once and after each interval, and the signals as they come.
    let stream: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let sources: [any DispatchSourceSignal]
    private let ticks: Task<Void, Never>

    init(every interval: Duration) {
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self)
        let signals: [(Int32, Event)] = [
            (SIGINT, .ended), (SIGTERM, .ended), (SIGHUP, .ended), (SIGWINCH, .resized), (SIGTSTP, .suspended),
        ]
        sources = signals.map { number, event in
            // What it does by default would come before the source hears of it.
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(event) }
            source.resume()
            return source
        }
        ticks = Task {
            var next = ContinuousClock.now
            while !Task.isCancelled {
                continuation.yield(.tick)
                // No tick is made up for: after the machine slept, the next is a whole interval away.
                next = max(next + interval, .now)
                try? await Task.sleep(until: next, clock: .continuous)
            }
        }
        self.stream = stream
        self.continuation = continuation
    }

    /// Reads a sample, which comes as an event: whatever SQLite waits for, signals are heard meanwhile. Off Swift's
    /// cooperative threads, which must not wait.
    func read(_ path: String) {
        DispatchQueue.global().async { [continuation] in
            continuation.yield(.read(Result { () throws(SpoolError) in try SpoolView.read(path) }))
        }
    }

    func stop() {
        for source in sources { source.cancel() }
        ticks.cancel()
    }

    /// Stops the process as Ctrl-Z would, and returns when it goes on.
    static func suspend() {
        raise(SIGSTOP)
    }
}
