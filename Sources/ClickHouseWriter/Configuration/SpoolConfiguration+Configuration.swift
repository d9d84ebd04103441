internal import SQLiteSpool

extension SpoolConfiguration {
    /// What of a writer's configuration concerns its spool.
    init(_ configuration: BatchWriterConfiguration) {
        self.init(
            path: configuration.spoolPath,
            durability: configuration.durability == .powerLoss ? .powerLoss : .processCrash
        )
        allowsNetworkFileSystem = configuration.allowsNetworkFileSystem
        if !configuration.redirects {
            destination = SpoolDestination(database: configuration.database, table: configuration.table)
        }
        limits = SpoolLimits(
            maxBytes: configuration.maxSpoolBytes,
            maxRecords: configuration.maxRecords,
            whenFull: configuration.whenFull == .reject ? .reject : .dropOldest,
            maxAge: configuration.maxAge
        )
    }
}
