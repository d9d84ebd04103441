internal import SQLiteSpool

/// The run that every cut and every fault interrupts: all that a writer does, in an order that the seed draws.
struct StandardRun {
    private enum Step: CaseIterable {
        case append, appendMany, burst, freeze, deliver, deliverMore, lose, fail, split, deadLetter, requeue, note
    }

    /// How often each kind of step comes.
    private static let rounds = 4

    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    /// - Parameter stopsAtFailure: whether a spool that threw is asked nothing more.
    mutating func perform(with workload: inout Workload, on spool: Spool, stopsAtFailure: Bool) async {
        for _ in 0..<Self.rounds {
            for step in Step.allCases.shuffled(using: &generator) {
                let outcome = await perform(step, with: &workload, on: spool)
                if outcome == .failed, stopsAtFailure { return }
            }
        }
        // An empty file gives its pages back with the commits to come.
        if await workload.drain(spool) == .failed, stopsAtFailure { return }
        _ = await workload.appendSingly(5, to: spool)
    }

    private mutating func perform(
        _ step: Step,
        with workload: inout Workload,
        on spool: Spool
    ) async -> Workload.Outcome {
        switch step {
        case .append: await workload.appendSingly(.random(in: 1...3, using: &generator), to: spool)
        case .appendMany: await workload.appendTogether(.random(in: 2...12, using: &generator), to: spool)
        case .burst: await workload.burst(on: spool)
        case .freeze: await workload.freeze(from: spool)
        case .deliver, .deliverMore: await workload.deliver(from: spool)
        case .lose: await workload.failToDeliver(from: spool, isStored: true)
        case .fail: await workload.failToDeliver(from: spool, isStored: false)
        case .split: await workload.split(from: spool, pieces: .random(in: 2...3, using: &generator))
        case .deadLetter: await workload.deadLetter(from: spool)
        case .requeue: await workload.requeue(in: spool)
        case .note: await workload.note(.random(in: 0...1, using: &generator), in: spool)
        }
    }
}
