/// How a spool is opened.
package struct SpoolConfiguration: Sendable {
    /// What a committed record survives.
    package enum Durability: String, Sendable {
        /// Power loss (`synchronous=FULL`): every commit waits for the disk.
        case powerLoss
        /// The death of the process (`synchronous=NORMAL`): a power cut may lose the newest commits, never more.
        case processCrash
    }

    /// The database file. Its directory must exist; `-wal`, `-shm` and `.lock` files appear beside it.
    package var path: String
    package var durability: Durability

    /// How the spool's files are reached.
    package var fileSystem: any FileSystem

    /// When the WAL is moved into the database.
    package var checkpoints = CheckpointPolicy()

    /// The most pages of the database file; past them an append throws `full`. For tests of a full disk.
    var maxPages: Int?

    package init(path: String, durability: Durability = .powerLoss, fileSystem: any FileSystem = .system) {
        self.path = path
        self.durability = durability
        self.fileSystem = fileSystem
    }
}
