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

    package var limits = SpoolLimits()

    /// Whether the spool may be on a network file system, where locks and syncs often are not what they seem.
    package var allowsNetworkFileSystem = false

    /// The database and table that the records must be for that wait in it; nil: any.
    package var destination: SpoolDestination?

    /// How the spool's files are reached.
    package var fileSystem: any FileSystem

    /// What draws the tokens of new batches.
    package var tokens = TokenSource.system

    /// When the WAL is moved into the database.
    package var checkpoints = CheckpointPolicy()

    /// When unused pages go back to the disk.
    package var vacuum = VacuumPolicy()

    /// The size of a WAL that says that a reader holds it up.
    package var walAlarmBytes = 64 << 20

    /// How long after a failure the file is opened anew, at the earliest.
    package var reopenMilliseconds = 1_000

    package init(path: String, durability: Durability = .powerLoss, fileSystem: any FileSystem = .system) {
        self.path = path
        self.durability = durability
        self.fileSystem = fileSystem
    }
}
