internal import ArgumentParser
internal import ClickHouseStandIn
internal import Foundation

/// Copies, restores and clones spools in every order, and delivers all of them to one table.
struct Copies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Backups, restored files, clones, lost WALs and locks, files removed or replaced under a writer: nothing acknowledged is lost.",
        discussion: """
            Each history is some spools that begin as one. They are written to, delivered in whole or in part, copied at rest and \
            while open, with their WAL or without, put back in place or as new files, and lose their locks. While they are open, their \
            files are removed, moved away, replaced, linked and mounted a second time, and another process tries to own them. A copy \
            without its WAL must say that it is one. All of them deliver to one table, which drops a \
            batch whose token it knows, or knows no tokens and can be asked. At the end each spool is delivered, and every record \
            that its file acknowledged must be in the table once.

            Example: torture copies --cycles 500 --seed 1
            """
    )

    @OptionGroup var options: TortureOptions

    /// How many histories go on at once: most of the time each waits for a second look at what runs in the table.
    private static let width = 16

    func run() async throws {
        let cycles = options.cycles ?? 500
        let watchdog = Watchdog(mode: "copies", seed: options.seed)
        let scratch = try ScratchDirectory()
        let directory = scratch.path
        var generator = SeededGenerator(seed: options.seed)
        let seeds = (0..<cycles).map { _ in generator.next() }
        var verdict = Verdict(mode: "copies", seed: options.seed)
        let progress = Progress(of: cycles)
        try await withThrowingTaskGroup(of: (cycle: Int, findings: CopyHistory.Findings).self) { group in
            watchdog.begin("\(Self.width) histories")
            for cycle in 0..<min(Self.width, cycles) {
                group.addTask { (cycle, try await Self.live(cycle, seeds[cycle], in: directory)) }
            }
            while let (cycle, findings) = try await group.next() {
                verdict.add(findings)
                if !findings.isClean { report("history \(cycle): \(findings)") }
                progress.report(verdict.cycles, "\(verdict.acknowledged) records")
                let next = verdict.cycles - 1 + Self.width
                watchdog.begin("histories before \(next)")
                if next < cycles {
                    group.addTask { (next, try await Self.live(next, seeds[next], in: directory)) }
                }
            }
        }
        watchdog.end()
        // A mode that left something out would prove nothing of it.
        if cycles >= 100, CopyHistory.Act.possible.contains(where: { verdict.details[$0.rawValue] == nil }) {
            verdict.corrupt += 1
        }
        try verdict.finish()
    }

    /// - Parameter cycle: every second history has a table that knows no tokens.
    private static func live(_ cycle: Int, _ seed: UInt64, in parent: String) async throws -> CopyHistory.Findings {
        let directory = "\(parent)/\(cycle)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let server = try await StandInServer.start(
            store: StandInStore(path: directory + "/stand-in.sqlite"),
            deduplicates: cycle.isMultiple(of: 2)
        )
        var history = CopyHistory(in: directory, server: server, seed: seed)
        let findings = try await history.run()
        await server.stop()
        await server.store.close()
        try FileManager.default.removeItem(atPath: directory)
        return findings
    }
}
