/// What processes wrote, one after the other, to be held against what arrived.
struct WriteLedger {
    let numbers: NumberedWrites
    /// The first number of all.
    let first: Int
    /// The first number that no process has used.
    private(set) var next: Int
    /// The writes that returned, and those that threw, by their first numbers.
    private var acknowledged: Set<Int> = []
    private var refused: Set<Int> = []

    init(_ numbers: NumberedWrites, first: Int) {
        self.numbers = numbers
        self.first = first
        next = first
    }

    /// Notes what a process reported that began at `next`.
    mutating func add(acknowledged: [Int], refused: [Int] = []) {
        self.acknowledged.formUnion(acknowledged)
        self.refused.formUnion(refused)
        next = NumberedWrites.next(after: (acknowledged + refused).max(), from: next)
    }

    /// - Parameter rows: all that arrived and all dead letters.
    func check(_ rows: [String], _ verdict: inout Verdict) {
        var copies = [Int](repeating: 0, count: next - first)
        for row in rows {
            guard let number = NumberedRecord.number(in: row), (first..<next).contains(number),
                numbers.record(number).row == row
            else {
                verdict.corrupt += 1
                continue
            }
            copies[number - first] += 1
        }
        verdict.duplicated += copies.reduce(0) { $0 + max(0, $1 - 1) }
        for write in stride(from: first, to: next, by: NumberedWrites.perWrite) {
            let records = numbers.records(ofWrite: write)
            let missing = records.count { copies[$0.number - first] == 0 }
            if acknowledged.contains(write) {
                verdict.acknowledged += records.count
                verdict.lost += missing
            } else if missing < records.count, missing > 0 || refused.contains(write) {
                // A part of what was to be stored in one transaction, or what was said not to be stored.
                verdict.corrupt += 1
            }
        }
    }
}
