/// Draws the tokens of new batches.
///
/// A token made of what the file knows would be made again by every copy of the file, for other records, which ClickHouse
/// then drops as known. A random one of 128 bits is drawn once: among 2⁴⁰ of them two are the same with a probability of 2⁻⁴⁹.
package struct TokenSource: Sendable {
    private let draw: @Sendable () -> UInt128

    package init(_ draw: @escaping @Sendable () -> UInt128) {
        self.draw = draw
    }

    /// Draws from the kernel, so that a process that was forked has no state to repeat.
    package static let system = TokenSource { .random(in: .min ... .max) }

    /// A new token: 25 digits and lower-case letters, so that it needs no quotes in a query, a pattern or a URL.
    func next() -> String {
        let digits = String(draw(), radix: 36)
        return String(repeating: "0", count: Self.length - digits.count) + digits
    }

    private static let length = String(UInt128.max, radix: 36).count
}
