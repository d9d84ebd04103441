@testable import FaultyDisk
import SQLiteSpool
import TestSupport

/// Draws the same in each run.
struct FixedGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}

extension DiskState {
    /// What a cut leaves of a file; nil when the file is not there.
    func leftOf(_ name: String, _ survival: Survival, seed: UInt64 = 1) -> [UInt8]? {
        var generator = FixedGenerator(seed)
        return afterPowerCut(survival, using: &generator)[name]
    }

    mutating func write(_ byte: UInt8, count: Int, at offset: Int = 0) -> DiskFailure? {
        begin(.write, .write(file: 0, offset: offset, bytes: Array(repeating: byte, count: count)))
    }

    mutating func sync() -> DiskFailure? { begin(.sync, .sync(file: 0)) }
}

/// A disk with one file, `f`, which is empty or has `content`.
func disk(content: [UInt8] = [], cutAt cut: Int? = nil, fault: Fault? = nil) -> DiskState {
    DiskState(files: ["f": content], cutAt: cut, fault: fault)
}

extension Array where Element == UInt8 {
    init(_ byte: UInt8, _ count: Int) {
        self.init(repeating: byte, count: count)
    }
}
