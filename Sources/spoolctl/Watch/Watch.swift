internal import ArgumentParser
internal import SQLiteSpool

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows a spool live: its depth, what comes in and what is delivered.",
        discussion: """
            On a terminal it draws one screen again and again until Ctrl-C; elsewhere it writes a line a sample, and with \
            --json an object a line. Each sample is a short read of its own, so it never holds up the spool's owner. It waits \
            for a spool that is not there yet, and goes on when one is replaced.

            Example: spoolctl watch traces.spool --interval 500ms
            """
    )

    @OptionGroup var spool: SpoolArgument

    @Option(help: "The time between two samples, from 100ms to 60m.")
    var interval = Interval(.seconds(1))

    @Option(help: ArgumentHelp("End after so many samples.", valueName: "samples"))
    var count: Int?

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be 1 or more.") }
    }

    func run() async throws {
        var session = WatchSession(path: spool.path, interval: interval.duration, writesJSON: spool.json)
        let events = WatchEvents(every: interval.duration)
        defer { events.stop() }
        try session.begin()
        do {
            var samples = 0
            events: for await event in events.stream {
                switch event {
                case .tick where session.isDue:
                    session.isReading = true
                    events.read(spool.path)
                case .tick: continue
                case .read(let result):
                    try session.add(result)
                    samples += 1
                    if samples == count { break events }
                case .resized: try session.draw()
                case .suspended: try session.suspend()
                case .ended: break events
                }
            }
        } catch {
            // What is written here may fail as what has failed did.
            try? session.end()
            throw error
        }
        try session.end()
    }
}

/// What is on the screen, and where it comes from.
private struct WatchSession {
    let path: String
    let interval: Duration
    let writesJSON: Bool
    private let screen: Screen?
    private let start = ContinuousClock.now
    private var history = WatchHistory()
    private var latest: (result: Result<SpoolView, SpoolError>, at: WallInstant)?
    private var nextSample = ContinuousClock.now
    var isReading = false

    init(path: String, interval: Duration, writesJSON: Bool) {
        self.path = path
        self.interval = interval
        self.writesJSON = writesJSON
        screen = writesJSON ? nil : Screen()
    }

    func begin() throws { try screen?.enter() }

    /// Leaves the last screen behind, where the terminal was drawn on.
    func end() throws {
        guard let screen else { return }
        try screen.leave()
        if let lines { try StandardOutput.write(lines.joined(separator: "\n") + "\n") }
    }

    func suspend() throws {
        try screen?.leave()
        WatchEvents.suspend()
        try screen?.enter()
        try draw()
    }

    /// Not for the ticks that come while a read has to wait.
    var isDue: Bool { !isReading && nextSample <= .now }

    mutating func add(_ result: Result<SpoolView, SpoolError>) throws {
        isReading = false
        let now = SystemWallClock().now
        nextSample = .now + interval / 2
        history.add(try? result.get().status, at: ContinuousClock.now - start)
        latest = (result, now)
        if screen != nil { return try draw() }
        let line = WatchLine(now: now, latest: result, point: history.latest)
        try StandardOutput.write((writesJSON ? line.jsonLine : line.text) + "\n")
    }

    func draw() throws {
        if let screen, let lines { try screen.draw(lines) }
    }

    private var lines: [String]? {
        guard let screen, let latest else { return nil }
        let size = screen.size
        return WatchScreen(path: path, now: latest.at, latest: latest.result, history: history, interval: interval)
            .lines(columns: size.columns, rows: size.rows - 1)  // `draw` leaves the cursor below the last
    }
}
