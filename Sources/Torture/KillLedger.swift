/// What the children of a round wrote, to be held against what arrived.
struct KillLedger {
    /// The round's first number.
    let first: Int
    /// The first number that no child of the round has used.
    private(set) var next: Int
    /// The writes that returned, by their first numbers.
    private var acknowledged: Set<Int> = []

    init(first: Int) {
        self.first = first
        next = first
    }

    /// Notes what a child reported that began at `next`.
    mutating func add(_ writes: [Int]) {
        acknowledged.formUnion(writes)
        next = KillNumbers.next(after: writes.max(), from: next)
    }

    struct Findings {
        var acknowledged = 0
        var lost = 0
        var duplicated = 0
        var corrupt = 0
    }

    /// - Parameter rows: all that arrived and all dead letters.
    func check(_ rows: [String]) -> Findings {
        var findings = Findings()
        var copies = [Int](repeating: 0, count: next - first)
        for row in rows {
            guard let number = NumberedRecord.number(in: row), (first..<next).contains(number),
                KillNumbers.record(number).row == row
            else {
                findings.corrupt += 1
                continue
            }
            copies[number - first] += 1
        }
        findings.duplicated = copies.reduce(0) { $0 + max(0, $1 - 1) }
        for write in stride(from: first, to: next, by: KillNumbers.perWrite) {
            let records = KillNumbers.records(ofWrite: write)
            let missing = records.count { copies[$0.number - first] == 0 }
            if acknowledged.contains(write) {
                findings.acknowledged += records.count
                findings.lost += missing
            } else if missing > 0, missing < records.count {
                // A part of what was to be stored in one transaction.
                findings.corrupt += 1
            }
        }
        return findings
    }
}
