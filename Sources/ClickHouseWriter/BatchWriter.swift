public import Logging
package import SQLiteSpool

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
    private let maxRecordBytes: Int
    private let columns = ColumnNames(Record.columnNames)
    let delivery: SpoolDelivery

    /// Opens the spool, or creates it, and starts to deliver what is in it.
    ///
    /// Blocks for the few milliseconds that opening a SQLite file takes; ClickHouse is not waited for, and may be away.
    ///
    /// - Parameters:
    ///   - configuration: where the spool is, and where its records go.
    ///   - logger: told of failures and of their end. The delivery waits for its handler, so the handler must not wait for whoever reads the
    ///     log: a pipe that is not read would stop the delivery.
    /// - Throws: ``WriterError`` with code `invalidConfiguration`, `spoolInUse`, `spoolRefused` (also for records of another table:
    ///   ``BatchWriterConfiguration/redirects``), `spoolFull` or `spoolFailed`.
    public convenience init(configuration: BatchWriterConfiguration, logger: Logger) throws(WriterError) {
        try self.init(configuration: configuration, logger: logger, sink: nil)
    }

    /// The parameters are those of ``SpoolDelivery``.
    package init(
        configuration: BatchWriterConfiguration,
        logger: Logger,
        sink: (any BatchSink)? = nil,
        clock: any WallClock = SystemWallClock(),
        jitter: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
        onSpoolEvent: @escaping @Sendable (SpoolEvent) -> Void = { _ in }
    ) throws(WriterError) {
        try Self.validateColumns()
        maxRecordBytes = configuration.maxRecordBytes
        delivery = try SpoolDelivery(
            configuration: configuration,
            columns: Record.columnNames,
            identity: Record.identity,
            logger: logger,
            sink: sink,
            clock: clock,
            jitter: jitter,
            onSpoolEvent: onSpoolEvent
        )
    }

    /// Records that an earlier writer left in the spool. They are delivered first.
    public var recoveredRecords: Int { delivery.spool.recovered.undelivered }

    /// The spool's absolute path, its directory's symbolic links resolved.
    public var spoolPath: String { delivery.spool.path }

    /// The state of affairs after the latest commit. Costs no I/O: a health check may ask as often as it likes.
    public var status: WriterStatus { delivery.status }

    /// Stores one record. When this returns the record is committed to the spool and will be delivered.
    ///
    /// Concurrent calls share one commit, so writing from many tasks is much faster than from one.
    ///
    /// - Throws: ``WriterError`` with code `writerClosed`, `recordNotEncodable`, `recordTooLarge`, `spoolFull` or
    ///   `spoolFailed`. The record is not stored then.
    public func write(_ record: Record) async throws(WriterError) {
        try checkOpen()
        try await delivery.append(try encode(record))
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
        try await delivery.append(contentsOf: rows)
    }

    /// Reads the files anew that say how TLS is done with ClickHouse, and logs what came of it. A change of theirs is found
    /// without it, within 10 s.
    package func rereadTLSFiles() async {
        await delivery.sink.rereadTLSFiles()
    }

    /// Sends at once what was enqueued before the call, and returns when ClickHouse has it, or refused it for good.
    ///
    /// - Throws: ``WriterError/Code/notDelivered`` after the first attempt that fails, saying what is left and why. It
    ///   stays in the spool and is sent again by itself.
    public func flush() async throws(WriterError) {
        do throws(DeliveryFailure) {
            try await delivery.flush()
        } catch {
            let status = delivery.status
            throw WriterError(
                .notDelivered,
                "\(status.pending + status.inFlight) records are left in the spool \(spoolPath): \(error.reason)",
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
        await delivery.close()
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
        if let identity = Record.identity, identity.isOptional, identity.id != columns[0] {
            throw WriterError(
                .invalidConfiguration,
                "\(Record.self).identity is optional: \"\(identity.id)\" must be the first of the columns"
            )
        }
    }

    private func checkOpen() throws(WriterError) {
        guard !delivery.isClosing else {
            throw WriterError(.writerClosed, "the writer was closed; the record is not stored")
        }
    }

    private func encode(_ record: Record) throws(WriterError) -> [UInt8] {
        let bytes = try record.row(columns)
        guard bytes.count <= maxRecordBytes else {
            throw WriterError(
                .recordTooLarge,
                "the row has \(bytes.count) bytes, and maxRecordBytes is \(maxRecordBytes)"
            )
        }
        return bytes
    }
}
