/// What of the unsynced work a power cut leaves. A drive promises nothing about it.
package enum Survival: String, Sendable, CaseIterable {
    /// The drive had written nothing of it yet.
    case nothing
    /// It had written all of it.
    case everything
    /// It wrote in order, and stopped at some point.
    case prefix
    /// It wrote the newest first.
    case suffix
    /// It wrote in any order: each sector is there or not.
    case scattered
    /// It wrote in order, and was in the middle of a write.
    case torn
}

/// Decides for each sector of each pending change whether it survives a cut.
struct SurvivalDraw<Generator: RandomNumberGenerator> {
    private let survival: Survival
    /// The change at which an ordered survival stops.
    private let stop: Int
    private let keptPercent: Int
    private var generator: Generator

    /// - Parameter numbers: those of the pending changes.
    init(_ survival: Survival, numbers: [Int], using generator: Generator) {
        self.survival = survival
        self.generator = generator
        stop = numbers.randomElement(using: &self.generator) ?? 0
        keptPercent = [10, 50, 90].randomElement(using: &self.generator) ?? 50
    }

    mutating func keepsSector(ofChange number: Int) -> Bool {
        switch survival {
        case .nothing: false
        case .everything: true
        case .prefix: number < stop
        case .suffix: number >= stop
        case .scattered: Int.random(in: 0..<100, using: &generator) < keptPercent
        case .torn: number < stop || number == stop && Bool.random(using: &generator)
        }
    }

    /// How many of the pending changes of names survive. File systems journal them in order.
    mutating func keptNameChanges(_ numbers: [Int]) -> Int {
        switch survival {
        case .nothing: 0
        case .everything: numbers.count
        case .prefix, .torn: numbers.count { $0 < stop }
        case .suffix, .scattered: Int.random(in: 0...numbers.count, using: &generator)
        }
    }
}
