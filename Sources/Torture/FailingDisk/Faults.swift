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

    @Option(help: "Only faults of this kind: \(Fault.Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var kind: Fault.Kind?

    func run() async throws {
        var verdict = Verdict(mode: "faults", seed: options.seed)
        let watchdog = Watchdog(mode: verdict.mode, seed: options.seed)
        let cases = try await plan(watchdog)
        let progress = Progress(of: cases.count)
        for (index, one) in cases.enumerated() where only == nil || only == index + 1 {
            if let kind, one.fault.kind != kind { continue }
            var scratch = try ScratchDirectory()
            var generator = SeededGenerator(seed: options.seed &* 1_000_003 &+ UInt64(index))
            let findings = try await one.run.run(one.fault, using: &generator, in: &scratch)
            verdict.add(findings)
            for problem in findings.problems { report("cycle \(index + 1), \(one.described(findings)): \(problem)") }
            progress.report(index + 1, "\(verdict.acknowledged) acknowledged, \(verdict.lost) lost")
        }
        try verdict.finish()
    }

    /// Every call fails in every way. A sync that fails is also followed by a power cut, soon or later, because only then
    /// is seen what it left off the disk.
    private func plan(_ watchdog: Watchdog) async throws -> [FaultCase] {
        var generator = SeededGenerator(seed: options.seed)
        var cases: [FaultCase] = []
        for durability in [SpoolConfiguration.Durability.powerLoss, .processCrash] {
            let run = FaultRun(durability: durability, watchdog: watchdog, runSeed: options.seed)
            var scratch = try ScratchDirectory()
            let calls = Array(try await run.measure(in: &scratch).enumerated())
            for (index, call) in calls where call == .sync {
                for most in [8, 30, 100] {
                    let cut = Int.random(in: 1...most, using: &generator)
                    let fault = Fault(.sync, atCall: index + 1, isForGood: false, operationsToCut: cut)
                    cases.append(FaultCase(run: run, fault: fault))
                }
            }
            if durability == .processCrash { continue }
            for (index, call) in calls {
                for kind in call.faults {
                    for isForGood in [false, true] {
                        let fault = Fault(kind, atCall: index + 1, isForGood: isForGood)
                        cases.append(FaultCase(run: run, fault: fault))
                    }
                }
            }
        }
        guard let cycles = options.cycles else { return cases }
        return Array(cases.shuffled(using: &generator).prefix(cycles))
    }
}

private struct FaultCase {
    let run: FaultRun
    let fault: Fault

    func described(_ findings: FaultRun.Findings) -> String {
        let call = findings.call?.rawValue ?? "which did not come"
        let howLong = fault.isForGood ? "for good" : "once"
        let cut = fault.operationsToCut.map { ", the power goes \($0) operations later" } ?? ""
        return
            "\(run.durability.rawValue): \(fault.kind.rawValue) \(howLong) at call \(fault.call), \(call)\(cut)"
    }
}

extension Fault.Kind: ExpressibleByArgument {}

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
