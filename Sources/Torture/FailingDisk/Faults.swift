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

            In a second run hundreds of records stay in the spool, in pages that are written once, and another process \
            keeps the file open. There syncs of the database fail.
            """
    )

    @OptionGroup var options: TortureOptions

    @Option(help: "Only the cycle of this number, to see it again.")
    var only: Int?

    @Option(help: "Only faults of this kind: \(Fault.Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var kind: Fault.Kind?

    @Flag(help: "Only the second run, with a large spool.")
    var large = false

    func run() async throws {
        var verdict = Verdict(mode: "faults", seed: options.seed)
        let watchdog = Watchdog(mode: verdict.mode, seed: options.seed)
        let cases = try await plan(watchdog)
        let progress = Progress(of: cases.count)
        for (index, one) in cases.enumerated() where only == nil || only == index + 1 {
            var scratch = try ScratchDirectory()
            var generator = SeededGenerator(seed: options.seed &* 1_000_003 &+ UInt64(index))
            let findings = try await one.run.run(one.fault, using: &generator, in: &scratch)
            verdict.add(findings)
            for problem in findings.problems { report("cycle \(index + 1), \(one.described(findings)): \(problem)") }
            progress.report(index + 1, "\(verdict.acknowledged) acknowledged, \(verdict.lost) lost")
        }
        try verdict.finish()
    }

    private func plan(_ watchdog: Watchdog) async throws -> [FaultCase] {
        var generator = SeededGenerator(seed: options.seed)
        var cases: [FaultCase] = []
        for durability in [SpoolConfiguration.Durability.powerLoss, .processCrash] {
            let run = FaultRun(durability: durability, isLarge: false, watchdog: watchdog, runSeed: options.seed)
            var scratch = try ScratchDirectory()
            var counts: [DiskCall: Int] = [:]
            for call in try await run.measure(in: &scratch) {
                counts[call, default: 0] += 1
                cases += faults(of: call, number: counts[call, default: 1], durability, using: &generator)
                    .map { FaultCase(run: run, fault: $0) }
            }
        }
        let large = FaultRun(durability: .powerLoss, isLarge: true, watchdog: watchdog, runSeed: options.seed)
        var scratch = try ScratchDirectory()
        _ = try await large.measure(in: &scratch)
        for append in stride(from: 1, to: FaultRun.appendsOfLarge, by: 2) {
            for cut in [nil, Int.random(in: 1...500, using: &generator)] {
                let fault = Fault(.sync, atCall: append, of: .sync, isForGood: false, operationsToCut: cut)
                cases.append(FaultCase(run: large, fault: fault))
            }
        }
        if self.large { cases.removeAll { !$0.run.isLarge } }
        if let kind { cases.removeAll { $0.fault.kind != kind } }
        guard let cycles = options.cycles else { return cases }
        return Array(cases.shuffled(using: &generator).prefix(cycles))
    }

    /// Every call fails in every way. A sync that fails is also followed by a power cut, soon or later, because only then
    /// is seen what it left off the disk.
    private func faults(
        of call: DiskCall,
        number: Int,
        _ durability: SpoolConfiguration.Durability,
        using generator: inout SeededGenerator
    ) -> [Fault] {
        var faults: [Fault] = []
        if call == .sync {
            for most in [8, 30, 100] {
                let cut = Int.random(in: 1...most, using: &generator)
                faults.append(Fault(.sync, atCall: number, of: call, isForGood: false, operationsToCut: cut))
            }
        }
        if durability == .processCrash { return faults }
        for kind in call.faults {
            for isForGood in [false, true] {
                faults.append(Fault(kind, atCall: number, of: call, isForGood: isForGood))
            }
        }
        return faults
    }
}

private struct FaultCase {
    let run: FaultRun
    let fault: Fault

    func described(_ findings: FaultRun.Findings) -> String {
        let wasMade = findings.isFaultSeen ? "" : ", which did not come"
        let cut = fault.operationsToCut.map { ", the power goes \($0) operations later" } ?? ""
        if run.isLarge {
            return "a large spool: a sync of the database fails after append \(fault.call)\(wasMade)\(cut)"
        }
        let call = "\(fault.counted?.rawValue ?? "call") \(fault.call)\(wasMade)"
        let howLong = fault.isForGood ? "for good" : "once"
        return "\(run.durability.rawValue): \(fault.kind.rawValue) \(howLong) at \(call)\(cut)"
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
