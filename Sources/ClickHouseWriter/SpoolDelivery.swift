internal import ClickHouseHTTP
package import Logging
package import SQLiteSpool
internal import Synchronization

/// Takes what is in a spool to ClickHouse, whatever its records are: all of a ``BatchWriter`` but their type.
///
/// It owns the spool, and delivers from its making until ``close()``.
package final class SpoolDelivery: Sendable {
    private let configuration: BatchWriterConfiguration
    package let spool: Spool
    let sink: any BatchSink
    private let loop: DeliveryLoop
    private let flushing: Task<Void, Never>
    private let metrics: WriterMetrics
    private let monitor: SpoolMonitor
    let pulse: Pulse
    private let beating: Task<Void, Never>
    private let clock: any WallClock
    let logger: Logger
    private let closing = Mutex<Task<CloseReport, Never>?>(nil)

    /// Opens the spool, or creates it, and starts to deliver what is in it. ClickHouse is not waited for.
    ///
    /// - Parameters:
    ///   - columns: what every record fills; none when that is not known.
    ///   - identity: the columns that tell a record from others.
    ///   - sink: where batches go; closed with the delivery. nil: to the ClickHouse of the configuration.
    ///   - clock: for ages, intervals and waits.
    ///   - jitter: draws the part of each retry's wait that is waited, from 0 up to 1.
    ///   - onSpoolEvent: called on the spool's thread. It must not block.
    /// - Throws: ``WriterError`` with code `invalidConfiguration`, `spoolInUse`, `spoolRefused`, `spoolFull` or
    ///   `spoolFailed`.
    package init(
        configuration: BatchWriterConfiguration,
        columns: [ColumnName] = [],
        identity: RecordIdentity?,
        logger: Logger,
        sink: (any BatchSink)? = nil,
        clock: any WallClock = SystemWallClock(),
        jitter: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
        onSpoolEvent: @escaping @Sendable (SpoolEvent) -> Void = { _ in }
    ) throws(WriterError) {
        try configuration.validate()
        let logger = logger.visible
        if let sink {
            self.sink = sink
        } else {
            self.sink = try InsertClient(configuration, columns: columns, identity: identity) { news in
                logger.log(news, of: "ClickHouse")
            }
        }
        let wakeup = Wakeup()
        let policy = FlushPolicy(configuration)
        let metrics = WriterMetrics(
            table: "\(configuration.database).\(configuration.table)",
            spoolLimitBytes: configuration.maxSpoolBytes
        )
        let monitor = SpoolMonitor(logger: logger, metrics: metrics, clock: clock)
        let log = DeliveryLog(logger: logger, clock: clock)
        do throws(SpoolError) {
            spool = try Spool(SpoolConfiguration(configuration), clock: clock) { event in
                onSpoolEvent(event)
                monitor.handle(event)
                switch event {
                case .committed(let commit):
                    if policy.mustWake(pendingBefore: commit.before.pending, pendingAfter: commit.after.pending) {
                        wakeup.signal()
                    }
                case .health(let health): health.isFull ? wakeup.signalUrgently() : wakeup.signal()
                case .dropped(_, .full): wakeup.signalUrgently()
                default: break
                }
            }
        } catch {
            throw WriterError(error)
        }
        let pulse = Pulse(spool: spool, clock: clock, metrics: metrics, monitor: monitor, log: log)
        let loop = DeliveryLoop(
            spool: spool,
            sink: self.sink,
            columns: columns,
            identity: identity,
            configuration: configuration,
            clock: clock,
            jitter: jitter,
            wakeup: wakeup,
            log: log,
            metrics: metrics,
            pulse: pulse
        )
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        self.monitor = monitor
        self.pulse = pulse
        self.loop = loop
        beating = Task { await pulse.run() }
        flushing = Task { await loop.run() }
        monitor.opened(spool)
    }

    deinit {
        // Without close() nothing more is delivered; the spool keeps it for the next owner.
        flushing.cancel()
        beating.cancel()
    }

    /// The state of affairs after the latest commit. Costs no I/O.
    package var status: WriterStatus {
        let summary = spool.summary
        let note = loop.note
        return WriterStatus(
            written: Int(summary.lastID - spool.recovered.lastID),
            pending: summary.pending,
            inFlight: summary.inFlight,
            deadLetters: summary.deadLetters,
            dropped: summary.dropped,
            oldestAge: pulse.oldestAge,
            payloadBytes: summary.payloadBytes,
            spoolBytes: spool.usage.bytesInUse,
            spool: WriterStatus.Spool(spool.health),
            durability: spool.durability == .powerLoss ? .powerLoss : .processCrash,
            delivered: loop.delivered,
            sinceDelivery: loop.sinceDelivery,
            delivery: WriterStatus.Delivery(note),
            publicReason: loop.publicReason,
            guarantee: note.guarantee
        )
    }

    var isClosing: Bool { closing.withLock { $0 != nil } }

    /// Stores one row, a line of JSON, or throws `writerClosed`, `spoolFull` or `spoolFailed`.
    func append(_ row: [UInt8]) async throws(WriterError) {
        do throws(SpoolError) {
            try await spool.append(row)
        } catch {
            throw WriterError(error)
        }
        metrics.recordEnqueued(1)
    }

    /// Stores all of the rows or, when it throws, none.
    func append(contentsOf rows: [[UInt8]]) async throws(WriterError) {
        do throws(SpoolError) {
            try await spool.append(contentsOf: rows)
        } catch {
            throw WriterError(error)
        }
        metrics.recordEnqueued(rows.count)
    }

    /// Sends at once what the spool holds now, and returns when it is delivered or set aside.
    ///
    /// - Parameter hurries: whether what waits after a failure is tried at once; otherwise the wait is a failure, too.
    /// - Throws: why something is left, after the first attempt that fails. The delivery goes on by itself.
    package func flush(hurries: Bool = true) async throws(DeliveryFailure) {
        try await loop.flush(hurries: hurries).get()
    }

    /// As ``BatchWriter/close()``.
    ///
    /// - Parameter deliversRest: false begins nothing new and only waits, as long, for what is being sent.
    @discardableResult
    package func close(deliversRest: Bool = true) async -> CloseReport {
        let closing = closing.withLock { closing in
            let task = closing ?? Task { await self.performClose(deliversRest: deliversRest) }
            closing = task
            return task
        }
        return await closing.value
    }

    private func performClose(deliversRest: Bool) async -> CloseReport {
        let reason = await deliverWhatIsLeft(deliversRest: deliversRest)
        beating.cancel()
        await flushing.value
        await beating.value
        await sink.close()
        await spool.close()
        pulse.close()
        let remaining = spool.summary.undelivered
        let report = CloseReport(
            delivered: loop.delivered,
            remaining: remaining,
            reason: remaining == 0 ? nil : reason ?? "records arrived while the writer was being closed"
        )
        logger.log(
            level: remaining == 0 ? .info : .warning,
            "Closed the spool",
            metadata: ["spool.delivered": "\(report.delivered)", "spool.remaining": "\(remaining)"]
        )
        return report
    }

    /// Delivers until all is, or until the deadline, and ends the loop. Returns why something is left; nil when nothing is.
    private func deliverWhatIsLeft(deliversRest: Bool) async -> String? {
        // A tenth is kept for ending the request that hangs and closing the spool.
        let deadline = configuration.shutdownTimeout * 0.9
        return await withTaskGroup(of: String?.self) { [loop, flushing, clock, configuration] group in
            group.addTask {
                if deliversRest { return await loop.drain(retryDelay: configuration.minRetryDelay, clock: clock) }
                loop.finish()
                await flushing.value
                return loop.note.reason ?? "the delivery was ended"
            }
            group.addTask {
                try? await clock.sleep(for: deadline)
                return loop.note.reason ?? "ClickHouse did not answer within \(deadline)"
            }
            defer {
                group.cancelAll()
                // Ends the loop, and with it the flush that the first task may still wait for.
                flushing.cancel()
            }
            return await group.next() ?? nil
        }
    }
}

extension DeliveryLoop {
    /// Flushes until everything is delivered, or a wait cannot help. Returns why something is left; nil when nothing is.
    fileprivate func drain(retryDelay: Duration, clock: any WallClock) async -> String? {
        while true {
            guard case .failure(let failure) = await flush() else { return nil }
            if failure.isHeld || failure.isUnreached || Task.isCancelled { return failure.reason }
            try? await clock.sleep(for: retryDelay)
        }
    }
}
