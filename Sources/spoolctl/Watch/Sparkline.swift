/// A row of blocks, as high as its values.
enum Sparkline {
    private static let blocks = Array("▁▂▃▄▅▆▇█")

    /// One character a value: the largest has a whole block, 0 and only 0 the lowest, and nil none.
    static func text(_ values: [Double?]) -> String {
        let largest = values.compactMap { $0 }.max() ?? 0
        return String(
            values.map { value -> Character in
                guard let value else { return " " }
                guard value > 0, largest > 0 else { return blocks[0] }
                let steps = Double(blocks.count - 1)
                return blocks[min(blocks.count - 1, max(1, Int((value / largest * steps).rounded())))]
            }
        )
    }
}
