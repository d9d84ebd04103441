internal import ArgumentParser
internal import SQLiteSpool

/// Cuts the power at every operation of a writer's life.
struct PowerCut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "power-cut",
        abstract: "Cuts the power, and looks at what the disk has afterwards.",
        discussion: """
            A disk of our own keeps what was not synced apart. At a cut it drops, keeps, reorders or tears any of it at \
            512 bytes. The spool must lose nothing that it acknowledged; with process-crash it may lose the newest \
            records, and must be seen to.
            """
    )

    @OptionGroup var options: TortureOptions

    @Option(help: "Only this one: \(Durability.allCases.map(\.rawValue).joined(separator: " or ")).")
    var durability: Durability?

    @Option(help: "Only the cycle of this number, to see it again.")
    var only: Int?

    enum Durability: String, CaseIterable, ExpressibleByArgument {
        case powerLoss = "power-loss"
        case processCrash = "process-crash"

        var ofSpool: SpoolConfiguration.Durability {
            switch self {
            case .powerLoss: .powerLoss
            case .processCrash: .processCrash
            }
        }
    }

    func run() async throws {
        var verdict = Verdict(mode: "power-cut", seed: options.seed)
        let watchdog = Watchdog(mode: verdict.mode, seed: options.seed)
        let durabilities = durability.map { [$0] } ?? Durability.allCases
        for durability in durabilities { try await cut(durability, watchdog, &verdict) }
        if durabilities.contains(.processCrash), only == nil, verdict.details["lost_newest", default: 0] == 0 {
            report("nothing was lost without syncs: the disk proves nothing")
            verdict.corrupt += 1
        }
        try verdict.finish()
    }

    private func cut(_ durability: Durability, _ watchdog: Watchdog, _ verdict: inout Verdict) async throws {
        let cycles = options.cycles ?? 2_000
        let progress = Progress(of: cycles)
        var plans: [StartingPoint.Kind: CutPlan] = [:]
        for number in 1...cycles {
            var scratch = try ScratchDirectory()
            let kind = kind(of: number, durability)
            var plan = plans[kind]
            if plan == nil { plan = try await makePlan(kind, durability, watchdog, in: &scratch) }
            guard let point = plan?.next(), let cycle = plan?.cycle else { continue }
            plans[kind] = plan
            if let only, only != number { continue }
            var generator = SeededGenerator(seed: options.seed &* 1_000_003 &+ UInt64(number))
            let findings = try await cycle.run(cutAt: point, using: &generator, in: &scratch)
            verdict.add(findings)
            describe(findings, "cycle \(number) --durability \(durability.rawValue), operation \(point), \(kind)")
            progress.report(
                number,
                "\(durability.rawValue): \(verdict.acknowledged) acknowledged, \(verdict.lost) lost"
            )
        }
    }

    private func makePlan(
        _ kind: StartingPoint.Kind,
        _ durability: Durability,
        _ watchdog: Watchdog,
        in scratch: inout ScratchDirectory
    ) async throws -> CutPlan {
        let start = try await StartingPoint(kind, durability.ofSpool, watchdog: watchdog, in: &scratch)
        let cycle = PowerCutCycle(
            start: start,
            durability: durability.ofSpool,
            watchdog: watchdog,
            runSeed: options.seed
        )
        return CutPlan(cycle, try await cycle.measure(in: &scratch), seed: options.seed)
    }

    /// Every tenth run starts with an old spool, so that its migration is cut, and two with a damaged one, so that its
    /// salvage is.
    private func kind(of number: Int, _ durability: Durability) -> StartingPoint.Kind {
        switch number % 10 {
        case 0:
            let versions = OldSpool.versions
            return .version(versions.lowerBound + number / 10 % versions.count)
        case 3: return .damagedDatabase
        // Without syncs a WAL may end anywhere, and nothing is salvaged for it.
        case 6: return durability == .powerLoss ? .damagedWAL : .damagedDatabase
        default: return .nothing
        }
    }

    private func describe(_ findings: PowerCutCycle.Findings, _ cycle: String) {
        if findings.lost > 0 { report("\(cycle): \(findings.lost) lost") }
        if findings.duplicated > 0 { report("\(cycle): \(findings.duplicated) duplicated") }
        for wrong in findings.wrong { report("\(cycle): \(wrong)") }
    }
}

/// The operations at which the power goes: every one of a run, in an order that is drawn, before any comes again.
struct CutPlan {
    let cycle: PowerCutCycle
    private let length: PowerCutCycle.Length
    private var whole: [Int] = []
    private var opening: [Int] = []
    private var count = 0
    private var generator: SeededGenerator

    init(_ cycle: PowerCutCycle, _ length: PowerCutCycle.Length, seed: UInt64) {
        self.cycle = cycle
        self.length = length
        generator = SeededGenerator(seed: seed)
    }

    /// Mostly in the opening when there is something to be migrated or salvaged: it is short, and most is at stake.
    mutating func next() -> Int? {
        count += 1
        if count.isMultiple(of: 4) == (cycle.start.kind == .nothing) {
            if opening.isEmpty { opening = (1...length.opening).shuffled(using: &generator) }
            return opening.popLast()
        }
        if whole.isEmpty { whole = (1...length.whole).shuffled(using: &generator) }
        return whole.popLast()
    }
}

extension Verdict {
    fileprivate mutating func add(_ findings: PowerCutCycle.Findings) {
        cycles += 1
        acknowledged += findings.acknowledged
        lost += findings.lost
        duplicated += findings.duplicated
        corrupt += findings.wrong.count
        details["cuts", default: 0] += findings.cuts
        details["lost_newest", default: 0] += findings.lostNewest
    }
}
