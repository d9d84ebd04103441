internal import ArgumentParser

/// Kills a process that writes, again and again, wherever that might hurt.
struct Kill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "SIGKILLs a writing process at random moments and at named points.",
        discussion: """
            A child writes from many tasks and reports every write that returned. It dies at a random moment, or after a \
            commit, at a request to ClickHouse, or within a write to a file; the next child goes on with the same spool. \
            Every 16 cycles everything is delivered to a stand-in for ClickHouse and counted, and a spool of an older \
            version takes the place of the empty one.

            Example: torture kill --cycles 1000 --seed 1
            """
    )

    @OptionGroup var options: TortureOptions

    func run() async throws {
        var generator = SeededGenerator(seed: options.seed)
        var verdict = Verdict(mode: "kill", seed: options.seed, cycles: options.cycles ?? 1_000)
        for point in KillPoint.allCases { verdict.details[point.figure] = 0 }
        try await withWorkDirectory("kill") { directory in
            let progress = Progress(of: verdict.cycles)
            var round = try await KillRound(in: directory, first: 0, using: &generator)
            for cycle in 0..<verdict.cycles {
                let point = KillPoint.planned(for: cycle)
                if point == .migration {
                    try await round.end(&verdict)
                    round = try await KillRound(in: directory, first: round.ledger.next, using: &generator)
                }
                switch try await round.runCycle(point, using: &generator) {
                case .killed: verdict.details[point.figure, default: 0] += 1
                case .missed: verdict.details["missed", default: 0] += 1
                case .failed: verdict.corrupt += 1
                }
                if point == .migration || cycle % 4 == 0, try !isSound(spool: round.spool) { verdict.corrupt += 1 }
                progress.report(cycle + 1, "\(verdict.acknowledged) records")
            }
            try await round.end(&verdict)
        }
        try verdict.finish()
        // A place that no child died at is not proven.
        let planned = Set((0..<verdict.cycles).map(KillPoint.planned(for:)))
        let unproven = planned.map(\.figure).filter { verdict.details[$0] == 0 }.sorted()
        if !unproven.isEmpty {
            report("never: \(unproven.joined(separator: ", "))")
            throw ExitCode.failure
        }
    }
}
