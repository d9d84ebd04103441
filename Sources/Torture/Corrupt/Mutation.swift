internal import SQLiteSpool

/// Damage to one file.
struct Mutation: Sendable, CustomStringConvertible {
    enum Kind: Sendable, CaseIterable {
        case flipBit
        case flipBits
        case truncate
        case zeroPage
        case scribblePage
        case swapPages
    }

    /// What is appended to the spool's path.
    let file: String
    let kind: Kind
    private let seed: UInt64

    /// The WAL is damaged as often as the database.
    static func random(for specimen: Specimen, using generator: inout SeededGenerator) -> Mutation {
        let files = specimen.files.keys.filter { $0 == "" || $0 == "-wal" }.sorted()
        return Mutation(
            file: files.randomElement(using: &generator) ?? "",
            kind: Kind.allCases.randomElement(using: &generator) ?? .flipBit,
            seed: generator.next()
        )
    }

    var name: String { "\(kind) of \(file.isEmpty ? "database" : "WAL")" }
    var description: String { "\(name) with seed \(seed)" }

    func apply(to bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var generator = SeededGenerator(seed: seed)
        if bytes.isEmpty { return bytes }
        let unit = SpoolUsage.defaultPageBytes + (file == "-wal" ? 24 : 0)
        let start = file == "-wal" ? 32 : 0
        let pages = max(1, (bytes.count - start) / unit)
        func page() -> Range<Int> {
            let first = min(start + Int.random(in: 0..<pages, using: &generator) * unit, bytes.count)
            return first..<min(first + unit, bytes.count)
        }
        switch kind {
        case .flipBit:
            flip(&bytes, &generator)
        case .flipBits:
            for _ in 0..<Int.random(in: 2...50, using: &generator) { flip(&bytes, &generator) }
        case .truncate:
            bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
        case .zeroPage:
            for index in page() { bytes[index] = 0 }
        case .scribblePage:
            let page = page()
            let end = min(page.upperBound, page.lowerBound + Int.random(in: 1...unit, using: &generator))
            for index in page.lowerBound..<end { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
        case .swapPages:
            let (a, b) = (page(), page())
            for offset in 0..<min(a.count, b.count) { bytes.swapAt(a.lowerBound + offset, b.lowerBound + offset) }
        }
        return bytes
    }

    private func flip(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    }
}
