/// Whether the disk has room for records, and what is done when it has not.
struct DiskRoom {
    private let directory: String
    private let fileSystem: any FileSystem
    private let limit: Int
    private var ballast: Ballast
    let ballastBytes: Int

    /// The disk was found full, and stays so until the ballast has its place again.
    private var isFull = false
    private var nextTry = ContinuousClock.now

    /// Bytes that may come in before the disk is looked at again.
    private var allowance = 0
    private var lastCapacity = 0

    /// What is left to other users of the disk.
    private static let reserveBytes = 4 << 20
    private static let largestAllowance = 64 << 20

    init(spool path: String, _ configuration: SpoolConfiguration) {
        directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) + "/"
        fileSystem = configuration.fileSystem
        limit = configuration.limits.maxBytes
        ballastBytes = configuration.checkpoints.pagesAtMost * SpoolUsage.pageBytes + Self.reserveBytes
        ballast = Ballast(spool: path, bytes: ballastBytes, configuration.fileSystem)
    }

    /// Why there is no room for the ballast; nil when it was not tried.
    var ballastFailure: String? { ballast.failure }

    /// nil when it cannot be told.
    var availableBytes: Int? { try? fileSystem.availableBytes(at: directory) }

    mutating func takeOnBallast() {
        isFull = !ballast.takeOn()
    }

    /// The spool's end: what it kept free is free.
    mutating func close() {
        ballast.dropIt()
    }

    /// Whether records may come in at all.
    mutating func isReady() -> Bool {
        if isFull, nextTry <= .now {
            nextTry = .now + .milliseconds(250)
            takeOnBallast()
        }
        return !isFull
    }

    /// SQLite found no room.
    ///
    /// - Returns: whether there is more now than before.
    mutating func didFill() -> Bool {
        defer {
            isFull = true
            allowance = 0
            nextTry = .now + .milliseconds(250)
        }
        let hadBallast = ballast.isInPlace
        ballast.dropIt()
        return hadBallast
    }

    /// How many bytes the spool may have in use: the limit, or less where the disk has not that much.
    mutating func capacity(_ usage: SpoolUsage, for newBytes: Int) -> Int {
        if newBytes == 0 { return limit }
        allowance -= newBytes
        if allowance < 0 {
            // When nobody can tell, SQLite will.
            let free = max(0, (availableBytes ?? .max / 2) - Self.reserveBytes)
            allowance = min(free / 2, Self.largestAllowance)
            lastCapacity = min(limit, usage.databaseBytes + free)
        }
        return lastCapacity
    }
}
