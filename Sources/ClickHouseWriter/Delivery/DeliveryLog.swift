internal import ClickHouseHTTP
internal import Logging
internal import SQLiteSpool

/// What the flusher says: a first failure at warning (at error when somebody has to act), its repeats at debug, and
/// the recovery once.
struct DeliveryLog: Sendable {
    let logger: Logger

    func failed(_ failure: InsertFailure, of batch: Batch, failuresInRow: Int, nextAttemptIn delay: Duration) {
        var metadata = metadata(of: batch)
        metadata["clickhouse.failure.kind"] = "\(failure.kind.rawValue)"
        metadata["clickhouse.failure.message"] = "\(failure.message)"
        metadata["clickhouse.failure.count"] = "\(failuresInRow)"
        metadata["clickhouse.retry.seconds"] = "\((delay.inSeconds * 1_000).rounded() / 1_000)"
        if let code = failure.code { metadata["clickhouse.failure.code"] = "\(code)" }
        let isFirst = failuresInRow == 1
        switch failure.kind {
        case .transient, .outcomeUnknown:
            logger.log(
                level: isFirst ? .warning : .debug,
                "ClickHouse did not take a batch; it is kept",
                metadata: metadata
            )
        case .data:
            logger.log(
                level: isFirst ? .error : .debug,
                "ClickHouse refuses a batch for its data; it is kept",
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

    func recovered(_ batch: Batch, failures: Int) {
        var metadata = metadata(of: batch)
        metadata["clickhouse.failure.count"] = "\(failures)"
        logger.notice("ClickHouse takes batches again", metadata: metadata)
    }

    func spoolFailed(_ error: SpoolError) {
        logger.error("The spool failed; nothing is sent", metadata: ["spool.error": "\(error)"])
    }

    private func metadata(of batch: Batch) -> Logger.Metadata {
        ["batch.token": "\(batch.token)", "batch.records": "\(batch.records)"]
    }
}
