internal import ClickHouseHTTP
public import Logging
package import SQLiteSpool
internal import Synchronization

/// Writes records to a ClickHouse table so that a crash of this process, of the machine or of ClickHouse loses none.
///
/// Invariants:
/// - What `write` returned for is committed to the spool. What it threw for is not.
/// - `write` waits for the disk, never for the network.
/// - A record leaves the spool only when ClickHouse provably has it, or for the dead letters, with the reason.
///
/// One writer owns one spool. It delivers from its making until ``close()``, what an earlier process left included:
///
///     write ──▶ spool (SQLite, one commit for all that wait) ──▶ flusher ──▶ ClickHouse
///                 ▲                                                │ accepted
///                 └─────────────── acknowledge ◀───────────────────┘
public final class BatchWriter<Record: ClickHouseRecord>: Sendable {
    private let configuration: BatchWriterConfiguration
    private let columns = ColumnNames(Record.columns)
    private let spool: Spool
    private let sink: any BatchSink
    private let flusher: Flusher
    private let flushing: Task<Void, Never>
    private let metrics: WriterMetrics
    private let monitor: SpoolMonitor
    private let clock: any WallClock
    private let logger: Logger
    private let closing = Mutex<Task<CloseReport, Never>?>(nil)

    /// Opens the spool, or creates it, and starts to deliver what is in it.
    ///
    /// Blocks for the few milliseconds that opening a SQLite file takes; ClickHouse is not waited for, and may be away.
    ///
    /// - Throws: ``WriterError`` with code `invalidConfiguration`, `spoolInUse`, `spoolRefused`, `spoolFull` or
    ///   `spoolFailed`.
    public convenience init(configuration: BatchWriterConfiguration, logger: Logger) throws(WriterError) {
        try self.init(configuration: configuration, logger: logger, onSpoolEvent: { _ in })
    }

    /// - Parameter onSpoolEvent: called on the spool's thread. It must not block.
    package convenience init(
        configuration: BatchWriterConfiguration,
        logger: Logger,
        onSpoolEvent: @escaping @Sendable (SpoolEvent) -> Void
    ) throws(WriterError) {
        try configuration.validate()
        try Self.validateColumns()
        let client = try InsertClient(configuration, columns: Record.columns, identity: Record.identity)
        try self.init(configuration: configuration, logger: logger, sink: client, onSpoolEvent: onSpoolEvent)
    }

    /// - Parameters:
    ///   - sink: where batches go; closed with the writer.
    ///   - clock: for ages, intervals and waits.
    ///   - jitter: draws the part of each retry's wait that is waited, from 0 up to 1.
    init(
        configuration: BatchWriterConfiguration,
        logger: Logger,
        sink: any BatchSink,
        clock: any WallClock = SystemWallClock(),
        jitter: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
        onSpoolEvent: @escaping @Sendable (SpoolEvent) -> Void = { _ in }
    ) throws(WriterError) {
        let wakeup = Wakeup()
        let policy = FlushPolicy(configuration)
        let metrics = WriterMetrics(table: "\(configuration.database).\(configuration.table)")
        let monitor = SpoolMonitor(logger: logger, metrics: metrics)
        do throws(SpoolError) {
            spool = try Spool(SpoolConfiguration(configuration), clock: clock) { event in
                onSpoolEvent(event)
                monitor.handle(event)
                switch event {
                case .committed(_, let before, let after):
                    if policy.mustWake(pendingBefore: before, pendingAfter: after) { wakeup.signal() }
                case .full, .dropped(_, .full): wakeup.signalUrgently()
                default: break
                }
            }
        } catch {
            throw WriterError(error)
        }
        let flusher = Flusher(
            spool: spool,
            sink: sink,
            columns: Record.columns,
            identity: configuration.reconciles ? Record.identity : nil,
            configuration: configuration,
            clock: clock,
            jitter: jitter,
            wakeup: wakeup,
            logger: logger,
            metrics: metrics
        )
        self.configuration = configuration
        self.sink = sink
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        self.monitor = monitor
        self.flusher = flusher
        flushing = Task { await flusher.run() }
        monitor.opened(spool)
    }

    deinit {
        // Without close() nothing more is delivered; the spool keeps it for the next writer.
        flushing.cancel()
    }

    /// Records that an earlier writer left in the spool. They are delivered first.
    public var recoveredRecords: Int { spool.recovered.undelivered }

    /// The spool's absolute path, its directory's symbolic links resolved.
    public var spoolPath: String { spool.path }

    /// The state of affairs after the latest commit. Costs no I/O.
    public var status: WriterStatus {
        let summary = spool.summary
        let note = flusher.note
        return WriterStatus(
            pending: summary.pending,
            inFlight: summary.inFlight,
            deadLetters: summary.deadLetters,
            dropped: summary.dropped,
            payloadBytes: summary.payloadBytes,
            spoolBytes: spool.usage.bytesInUse,
            spool: monitor.state,
            delivered: flusher.delivered,
            delivery: WriterStatus.Delivery(note),
            guarantee: note.guarantee
        )
    }

    /// Stores one record. When this returns the record is committed to the spool and will be delivered.
    ///
    /// Concurrent calls share one commit, so writing from many tasks is much faster than from one.
    ///
    /// - Throws: ``WriterError`` with code `writerClosed`, `recordNotEncodable`, `recordTooLarge`, `spoolFull` or
    ///   `spoolFailed`. The record is not stored then.
    public func write(_ record: Record) async throws(WriterError) {
        try checkOpen()
        let row = try encode(record)
        do throws(SpoolError) {
            try await spool.append(row)
        } catch {
            throw WriterError(error)
        }
        metrics.recordEnqueued(1)
    }

    /// Stores all of the records in one transaction or, when it throws, none of them.
    ///
    /// - Throws: as ``write(_:)``; the message says which record was refused.
    public func write(contentsOf records: some Collection<Record> & Sendable) async throws(WriterError) {
        try checkOpen()
        var rows: [[UInt8]] = []
        rows.reserveCapacity(records.count)
        for (index, record) in records.enumerated() {
            do throws(WriterError) {
                rows.append(try encode(record))
            } catch {
                throw WriterError(
                    error.code,
                    "record \(index) of \(records.count): \(error.message)",
                    cause: error.cause
                )
            }
        }
        do throws(SpoolError) {
            try await spool.append(contentsOf: rows)
        } catch {
            throw WriterError(error)
        }
        metrics.recordEnqueued(rows.count)
    }

    /// Sends at once what was enqueued before the call, and returns when ClickHouse has it, or refused it for good.
    ///
    /// - Throws: ``WriterError/Code/notDelivered`` after the first attempt that fails, saying what is left and why. It
    ///   stays in the spool and is sent again by itself.
    public func flush() async throws(WriterError) {
        do throws(DeliveryFailure) {
            try await flusher.flush().get()
        } catch {
            throw WriterError(
                .notDelivered,
                "\(spool.summary.undelivered) records are left in the spool \(spool.path): \(error.reason)",
                cause: error
            )
        }
    }

    /// Stops accepting records, delivers what it can within ``BatchWriterConfiguration/shutdownTimeout``, and leaves
    /// the rest in the spool for the next writer.
    ///
    /// Can be called any number of times, also at once; every call returns the same report. Cancelling the calling
    /// task does not shorten it.
    @discardableResult
    public func close() async -> CloseReport {
        let closing = closing.withLock { closing in
            let task = closing ?? Task { await self.performClose() }
            closing = task
            return task
        }
        return await closing.value
    }

    private func performClose() async -> CloseReport {
        let reason = await deliverWhatIsLeft()
        await flushing.value
        await sink.close()
        await spool.close()
        let remaining = spool.summary.undelivered
        let report = CloseReport(
            delivered: flusher.delivered,
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

    /// Delivers until all is, or until the deadline, and ends the flusher.
    ///
    /// - Returns: why something is left; nil when nothing is.
    private func deliverWhatIsLeft() async -> String? {
        // A tenth is kept for ending the request that hangs and closing the spool.
        let deadline = configuration.shutdownTimeout * 0.9
        return await withTaskGroup(of: String?.self) { [flusher, clock, configuration] group in
            group.addTask { await flusher.drain(retryDelay: configuration.minRetryDelay, clock: clock) }
            group.addTask {
                try? await clock.sleep(for: deadline)
                return flusher.note.reason ?? "ClickHouse did not answer within \(deadline)"
            }
            defer {
                group.cancelAll()
                // Ends the flusher, and with it the flush that the first task may still wait for.
                flushing.cancel()
            }
            return await group.next() ?? nil
        }
    }

    private static func validateColumns() throws(WriterError) {
        let columns = Record.columns.map(\.name)
        guard !columns.isEmpty, Set(columns).count == columns.count, !columns.contains("") else {
            throw WriterError(.invalidConfiguration, "\(Record.self).columns must name every column once: \(columns)")
        }
        for name in [Record.identity?.id, Record.identity?.time].compactMap(\.self) {
            // SQLite's JSON paths have no way to write others.
            guard columns.contains(name), !JSONText.hasEscapes(name) else {
                throw WriterError(
                    .invalidConfiguration,
                    "\(Record.self).identity names \"\(name)\": it must be one of the columns,"
                        + " without quotes, backslashes and control characters"
                )
            }
        }
    }

    private func checkOpen() throws(WriterError) {
        guard closing.withLock({ $0 == nil }) else {
            throw WriterError(.writerClosed, "the writer was closed; the record is not stored")
        }
    }

    private func encode(_ record: Record) throws(WriterError) -> [UInt8] {
        var row = RowEncoder(columns: columns)
        do {
            try record.encode(to: &row)
        } catch {
            throw WriterError(.recordNotEncodable, "the record cannot be encoded: \(error.withoutValue)", cause: error)
        }
        let bytes = try row.finish()
        guard bytes.count <= configuration.maxRecordBytes else {
            throw WriterError(
                .recordTooLarge,
                "the row has \(bytes.count) bytes, and maxRecordBytes is \(configuration.maxRecordBytes)"
            )
        }
        return bytes
    }
}

extension Error {
    /// An encoder's error repeats the value, which may be long, or a secret.
    fileprivate var withoutValue: String {
        guard case .invalidValue(_, let context) = self as? EncodingError else { return "\(self)" }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    }
}

extension Flusher {
    /// Flushes until everything is delivered, waiting between attempts. Gives up only where a wait cannot help.
    ///
    /// - Returns: why something is left; nil when nothing is.
    fileprivate func drain(retryDelay: Duration, clock: any WallClock) async -> String? {
        while true {
            guard case .failure(let failure) = await flush() else { return nil }
            if failure.isHeld || Task.isCancelled { return failure.reason }
            try? await clock.sleep(for: retryDelay)
        }
    }
}

extension WriterStatus.Delivery {
    fileprivate init(_ note: DeliveryNote) {
        let reason = note.reason ?? ""
        self =
            switch note.state {
            case .fine: .fine
            case .backingOff: .backingOff(reason: reason)
            case .held: .held(reason: reason)
            case .poisoned: .poisoned(reason: reason)
            }
    }
}

extension SpoolConfiguration {
    fileprivate init(_ configuration: BatchWriterConfiguration) {
        self.init(
            path: configuration.spoolPath,
            durability: configuration.durability == .powerLoss ? .powerLoss : .processCrash
        )
        allowsNetworkFileSystem = configuration.allowsNetworkFileSystem
        limits = SpoolLimits(
            maxBytes: configuration.maxSpoolBytes,
            maxRecords: configuration.maxRecords,
            whenFull: configuration.whenFull == .reject ? .reject : .dropOldest,
            maxAge: configuration.maxAge
        )
    }
}
