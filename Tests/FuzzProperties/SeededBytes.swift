/// Inputs as a fuzzer would give them, the same ones for the same seed: random bytes, and what becomes of known inputs
/// when a few bytes of them are changed.
package struct SeededBytes: RandomNumberGenerator {
    private var state: UInt64
    private let known: [[UInt8]]

    package init(seed: UInt64, known: [[UInt8]] = []) {
        state = seed
        self.known = known
    }

    /// SplitMix64 (https://prng.di.unimi.it/splitmix64.c).
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    package mutating func nextInput() -> [UInt8] {
        guard Bool.random(using: &self), var input = known.randomElement(using: &self), !input.isEmpty else {
            return (0..<Int.random(in: 0..<200, using: &self)).map { _ in byte() }
        }
        for _ in 0..<Int.random(in: 1...6, using: &self) {
            let index = Int.random(in: 0..<input.count, using: &self)
            if Bool.random(using: &self) { input[index] = byte() } else { input.insert(byte(), at: index) }
        }
        return input
    }

    /// Small ones as often as any: they choose.
    private mutating func byte() -> UInt8 {
        .random(in: 0...(Bool.random(using: &self) ? 15 : .max), using: &self)
    }
}
