/// What the caller of a spool was told about its records, in the order in which it was told.
struct Account {
    /// Records that `append` returned for, with the number of their commit: a higher one came later.
    private(set) var acknowledged: [Int: Int] = [:]
    /// Records that `append` threw on.
    private(set) var refused: Set<Int> = []
    private(set) var total = 0
    private var nextNumber = 1
    private var commits = 0

    /// Numbers that no record has.
    mutating func takeNumbers(_ count: Int) -> Range<Int> {
        defer { nextNumber += count }
        return nextNumber..<nextNumber + count
    }

    /// What is acknowledged next comes from a later commit than what was before.
    mutating func beginCommit() {
        commits += 1
    }

    mutating func acknowledge(_ numbers: Range<Int>) {
        for number in numbers { acknowledged[number] = commits }
        total += numbers.count
    }

    mutating func refuse(_ numbers: Range<Int>) {
        refused.formUnion(numbers)
    }

    /// Strikes what is not there any more.
    ///
    /// - Returns: how many records that were, and whether they were the newest and no others.
    mutating func writeOff(where isStored: (Int) -> Bool) -> (lost: Int, areNewest: Bool) {
        let lost = acknowledged.filter { !isStored($0.key) }
        guard let first = lost.values.min() else { return (0, true) }
        for number in lost.keys { acknowledged[number] = nil }
        return (lost.count, acknowledged.values.allSatisfy { $0 <= first })
    }
}
