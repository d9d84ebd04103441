internal import SQLiteSpool
internal import Synchronization

/// Once a second: what has to be true, and said, although nothing happens. Gauges would go stale otherwise, and sums
/// that were kept back would wait for an event that never comes.
final class Pulse: Sendable {
    private let spool: Spool
    private let clock: any WallClock
    private let metrics: WriterMetrics
    private let monitor: SpoolMonitor
    private let log: DeliveryLog

    /// When the oldest record in the spool was enqueued, as of the latest beat.
    private let oldest = Mutex<WallInstant?>(nil)

    init(spool: Spool, clock: any WallClock, metrics: WriterMetrics, monitor: SpoolMonitor, log: DeliveryLog) {
        self.spool = spool
        self.clock = clock
        self.metrics = metrics
        self.monitor = monitor
        self.log = log
    }

    /// How long the oldest record in the spool has waited, as of the latest beat; nil when there is none.
    var oldestAge: Duration? {
        spool.summary.undelivered == 0 ? nil : oldest.withLock(\.self).map { max(.zero, $0.duration(to: clock.now)) }
    }

    /// Beats until its task is cancelled. By the machine's time, whatever the clock of the delivery says.
    func run() async {
        await withDiscardingTaskGroup { group in
            // Where the disk does not answer, reading does not return either, and that is to be said.
            group.addTask { await self.everySecond { await self.lookForOldest() } }
            group.addTask { await self.everySecond { self.tell() } }
        }
    }

    private func everySecond(_ body: () async -> Void) async {
        while !Task.isCancelled {
            await body()
            try? await Task.sleep(for: .seconds(1), tolerance: .milliseconds(200))
        }
    }

    func beat() async {
        await lookForOldest()
        tell()
    }

    func lookForOldest() async {
        // A spool that cannot be read has said so itself; what was known is then the best that is known.
        if let found = try? await spool.oldestUndelivered() {
            oldest.withLock { $0 = found }
        } else if spool.summary.undelivered == 0 {
            oldest.withLock { $0 = nil }
        }
    }

    private func tell() {
        recordDepth()
        monitor.look(at: spool.health)
        monitor.sayWhatIsDue()
        log.sayWhatIsDue()
    }

    /// Nothing more will happen: says and records what is left.
    func close() {
        recordDepth()
        monitor.close()
        log.close()
    }

    private func recordDepth() {
        metrics.recordDepth(
            spool.summary,
            batches: spool.batches.count,
            usage: spool.usage,
            oldestAge: oldestAge ?? .zero
        )
    }
}
