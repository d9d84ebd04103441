internal import ArgumentParser
internal import FaultyDisk
internal import SQLiteSpool

/// Fails every call that a writer makes to its disk.
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fails each call to the disk in turn, once and for good.",
        discussion: """
            A standard run is repeated, and each time another of its calls to the disk fails in one of the ways in which \
            such a call can fail. Nothing may be acknowledged that is not stored, nothing may hang, and when the disk is \
            well again everything is delivered.

            Without --cycles every call fails in every way; with it a sample of so many.
            """
    )

    @OptionGroup var options: TortureOptions

    @Option(help: "Only the cycle of this number, to see it again.")
    var only: Int?

    func run() async throws {
        var verdict = Verdict(mode: "faults", seed: options.seed)
        let watchdog = Watchdog(mode: verdict.mode, seed: options.seed)
        let run = FaultRun(durability: .powerLoss, watchdog: watchdog, runSeed: options.seed)
        let faults = try await plan(run)
        let progress = Progress(of: faults.count)
        for (index, (call, fault)) in faults.enumerated() where only == nil || only == index + 1 {
            var scratch = try ScratchDirectory()
            var generator = SeededGenerator(seed: options.seed &* 1_000_003 &+ UInt64(index))
            let findings = try await run.run(fault, using: &generator, in: &scratch)
            verdict.add(findings)
            let howLong = fault.isForGood ? "for good" : "once"
            let cycle = "cycle \(index + 1), \(fault.kind.rawValue) \(howLong) at call \(fault.call), \(call.rawValue)"
            for problem in findings.problems { report("\(cycle): \(problem)") }
            progress.report(index + 1, "\(verdict.acknowledged) acknowledged, \(verdict.lost) lost")
        }
        try verdict.finish()
    }

    private func plan(_ run: FaultRun) async throws -> [(DiskCall, Fault)] {
        var scratch = try ScratchDirectory()
        let calls = try await run.measure(in: &scratch)
        let all = calls.enumerated().flatMap { index, call in
            call.faults.flatMap { kind in
                [false, true].map { (call, Fault(kind, atCall: index + 1, isForGood: $0)) }
            }
        }
        guard let cycles = options.cycles else { return all }
        var generator = SeededGenerator(seed: options.seed)
        return Array(all.shuffled(using: &generator).prefix(cycles))
    }
}

extension FaultRun.Findings {
    fileprivate var problems: [String] {
        var problems = wrong
        if lost > 0 { problems.append("\(lost) lost") }
        if duplicated > 0 { problems.append("\(duplicated) duplicated") }
        if storedThoughRefused > 0 { problems.append("\(storedThoughRefused) stored though refused") }
        return problems
    }
}

extension Verdict {
    fileprivate mutating func add(_ findings: FaultRun.Findings) {
        cycles += 1
        acknowledged += findings.acknowledged
        lost += findings.lost
        duplicated += findings.duplicated
        corrupt += findings.wrong.count + findings.storedThoughRefused
        details["stored_though_refused", default: 0] += findings.storedThoughRefused
        details["stored_on_broken_disk", default: 0] += findings.storedOnBrokenDisk
        details["went_on", default: 0] += findings.wentOn ? 1 : 0
    }
}
