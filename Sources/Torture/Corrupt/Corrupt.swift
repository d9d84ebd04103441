internal import ArgumentParser
internal import Foundation
internal import SQLiteSpool

/// Damages the files of killed spools, and opens them.
struct Corrupt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Damaged files: every opening must end, salvage what is readable, and report what is not.",
        discussion: """
            Each cycle takes the files of a spool whose owner was killed, damages the database or the WAL (flipped bits, \
            truncation, zeroed, swapped and scribbled pages), opens it, and delivers what is there. A record that was \
            accepted must be delivered as it was written, or be a dead letter, or be counted as lost.

            With --running the file is damaged while its owner has it open, and the owner must deliver the rest without a restart.

            Example: torture corrupt --cycles 10000 --seed 1
            """
    )

    @OptionGroup var options: TortureOptions

    @Option(help: "Only the cycle of this number, to see it again.")
    var only: Int?

    @Flag(help: "Damages the file while its owner has it open, and not before.")
    var running = false

    func run() async throws {
        let cycles = options.cycles ?? 1_000
        var scratch = try ScratchDirectory()
        let watchdog = Watchdog(mode: "corrupt", seed: options.seed)
        var generator = SeededGenerator(seed: options.seed)
        var verdict = Verdict(mode: "corrupt", seed: options.seed)
        var specimens: [Specimen] = []
        for _ in 0..<min(8, cycles) {
            specimens.append(
                try await Specimen.make(in: scratch.makeDirectory(), using: &generator)
            )
        }
        var reports = LossReports()
        let progress = Progress(of: cycles)
        for cycle in 0..<cycles {
            let specimen = specimens[cycle % specimens.count]
            let mutation = Mutation.random(for: specimen, using: &generator)
            if let only, only != cycle { continue }
            let directory = try scratch.makeDirectory()
            watchdog.begin("opening a spool after \(mutation), cycle \(cycle)")
            let outcome = try await specimen.survive(mutation, in: directory, running: running)
            watchdog.end()
            try? FileManager.default.removeItem(atPath: directory)
            verdict.add(outcome, of: specimen)
            reports.add(outcome, mutation)
            if !outcome.isClean {
                report("cycle \(cycle): \(mutation): \(outcome)")
            }
            progress.report(cycle + 1, "\(verdict.details["salvages"] ?? 0) salvages")
        }
        reports.finish(&verdict)
        // A mode that damaged nothing would prove nothing.
        if only == nil, cycles >= 100, verdict.details["salvages"] ?? 0 == 0 { verdict.corrupt += 1 }
        try verdict.finish()
    }
}

extension Verdict {
    fileprivate mutating func add(_ outcome: Specimen.Outcome, of specimen: Specimen) {
        cycles += 1
        acknowledged += specimen.acknowledged
        lost += outcome.unreported
        duplicated += outcome.duplicated
        corrupt += outcome.altered + (outcome.isSound ? 0 : 1)
        details["salvages", default: 0] += outcome.salvages
        details["restarts", default: 0] += outcome.restarts
        details["refused", default: 0] += outcome.isRefused ? 1 : 0
        details["reported_lost", default: 0] += outcome.reportedLost
        details["really_lost", default: 0] += outcome.missing
        details["set_aside", default: 0] += outcome.setAside
    }
}

/// How many records were reported as lost for each that was, in the cycles that lost any.
private struct LossReports {
    private var ratios: [Double] = []
    private var kinds: [String: (reported: Int, lost: Int, overstated: Int)] = [:]

    mutating func add(_ outcome: Specimen.Outcome, _ mutation: Mutation) {
        if outcome.missing > 0, !outcome.isRefused {
            ratios.append(Double(outcome.reportedLost) / Double(outcome.missing))
        }
        var sum = kinds[mutation.name] ?? (0, 0, 0)
        sum.reported += outcome.reportedLost
        sum.lost += outcome.isRefused ? 0 : outcome.missing
        if outcome.reportedLost > 2 * outcome.missing { sum.overstated += 1 }
        kinds[mutation.name] = sum
    }

    /// Says on stderr which damage the figures come from.
    func finish(_ verdict: inout Verdict) {
        for (name, sum) in kinds.sorted(by: { $0.key < $1.key }) where sum.reported > 0 {
            report("\(name): \(sum.reported) reported, \(sum.lost) lost, more than twice in \(sum.overstated) cycles")
        }
        verdict.details["cycles_with_loss"] = ratios.count
        verdict.details["reported_percent_median"] =
            ratios.isEmpty ? nil : Int((ratios.sorted()[ratios.count / 2] * 100).rounded())
    }
}
