public import ClickHouseWriter
public import Logging

extension InMemoryDestination {
    /// Makes a writer whose batches come here.
    ///
    /// Nothing is sent by time, so that a test does not depend on it: call `flush` where the test needs the rows. A
    /// full batch is sent by itself, and what is left when the writer is closed.
    ///
    /// - Parameters:
    ///   - type: the records' type.
    ///   - spoolPath: the spool's file. nil, the default, is a new one that is removed with this destination. Give the same
    ///     path to two writers, one after the other is closed, to test what a restart does.
    ///   - logger: nothing is logged by default.
    ///   - configure: changes the configuration, whose `flushInterval` is a day here, `shutdownTimeout` one second (`close`
    ///     takes so long while ClickHouse is ``Condition/down``), and `durability` the faster one.
    /// - Throws: what making a `BatchWriter` throws.
    public func makeWriter<Record: ClickHouseRecord>(
        for type: Record.Type,
        spoolPath: String? = nil,
        logger: Logger = Logger(label: "ClickHouseWriterTesting") { _ in SwiftLogNoOpLogHandler() },
        configure: (inout BatchWriterConfiguration) -> Void = { _ in }
    ) throws(WriterError) -> BatchWriter<Record> {
        var configuration = BatchWriterConfiguration(
            spoolPath: spoolPath ?? directory.makeSpoolPath(),
            urls: ["http://in-memory"],
            table: "in_memory"
        )
        configuration.flushInterval = .seconds(86_400)
        configuration.shutdownTimeout = .seconds(1)
        configuration.durability = .processCrash
        configure(&configuration)
        return try BatchWriter(configuration: configuration, logger: logger, sink: self)
    }
}
