internal import ClickHouseHTTP
internal import Logging
internal import SQLiteSpool

/// What the flusher says: a first failure at warning (at error when somebody has to act), its repeats at debug, and
/// the recovery once.
struct DeliveryLog: Sendable {
    let logger: Logger

    /// - Parameter batch: nil when nothing was sent yet.
    func failed(_ failure: InsertFailure, of batch: Batch?, failuresInRow: Int, nextAttemptIn delay: Duration) {
        var metadata = metadata(of: failure)
        if let batch { metadata.merge(self.metadata(of: batch)) { first, _ in first } }
        metadata["clickhouse.failure.count"] = "\(failuresInRow)"
        metadata["clickhouse.retry.seconds"] = "\((delay.inSeconds * 1_000).rounded() / 1_000)"
        let isFirst = failuresInRow == 1
        switch failure.kind {
        case .transient, .outcomeUnknown:
            let message: Logger.Message =
                batch == nil
                ? "ClickHouse cannot be asked for its table; records are kept"
                : "ClickHouse did not take a batch; it is kept"
            logger.log(level: isFirst ? .warning : .debug, message, metadata: metadata)
        case .data, .tooLarge:
            logger.log(
                level: isFirst ? .error : .debug,
                "ClickHouse refuses a record; it is kept until another one shows that the table is fine",
                metadata: metadata
            )
        case .destination:
            logger.log(
                level: isFirst ? .error : .debug,
                "ClickHouse cannot take any batch until it is mended; all records are held",
                metadata: metadata
            )
        }
    }

    /// - Parameter batch: nil when nothing was sent yet.
    func recovered(_ batch: Batch?, failures: Int) {
        var metadata = batch.map(metadata) ?? [:]
        metadata["clickhouse.failure.count"] = "\(failures)"
        logger.notice("ClickHouse takes batches again", metadata: metadata)
    }

    func isolating(_ failure: InsertFailure, in batch: Batch) {
        logger.debug(
            "ClickHouse refuses a batch; it is cut to find out why",
            metadata: metadata(of: batch).merging(metadata(of: failure)) { first, _ in first }
        )
    }

    func deadLettered(_ batch: Batch, _ failure: InsertFailure) {
        var metadata = metadata(of: failure)
        metadata["record.id"] = "\(batch.ids.lowerBound)"
        logger.error("ClickHouse refuses a record and takes others; it is a dead letter now", metadata: metadata)
    }

    /// - Parameter missing: records that the table does not have.
    func reconciled(_ batch: Batch, missing: Int) {
        var metadata = metadata(of: batch)
        metadata["batch.missing"] = "\(missing)"
        logger.notice("Part of a batch whose outcome was unknown is stored; only the rest is sent", metadata: metadata)
    }

    func cannotAsk(_ batch: Batch) {
        logger.warning(
            "A record names no identity that can be asked for; its batch is sent again as it is",
            metadata: metadata(of: batch)
        )
    }

    /// - Parameter losses: what the table cannot hold exactly.
    func learned(_ destination: DestinationProfile, losses: [String]) {
        logger.info(
            "ClickHouse answers",
            metadata: [
                "clickhouse.version": "\(destination.version)", "clickhouse.guarantee": "\(destination.guarantee)",
            ]
        )
        for loss in losses {
            logger.warning("A column cannot hold every value", metadata: ["clickhouse.column": "\(loss)"])
        }
    }

    func spoolFailed(_ error: SpoolError) {
        logger.error("The spool failed; nothing is sent", metadata: ["spool.error": "\(error)"])
    }

    private func metadata(of failure: InsertFailure) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "clickhouse.failure.kind": "\(failure.kind.rawValue)", "clickhouse.failure.message": "\(failure.message)",
        ]
        if let code = failure.code { metadata["clickhouse.failure.code"] = "\(code)" }
        return metadata
    }

    private func metadata(of batch: Batch) -> Logger.Metadata {
        ["batch.token": "\(batch.token)", "batch.records": "\(batch.records)"]
    }
}
