/// How a process numbers what it writes, so that another one knows what each write held.
///
/// A write is known by its first number. The tasks of a process take turns in them, and every fifth task writes several
/// records at once.
struct NumberedWrites: Sendable {
    /// Bytes of most texts.
    let shortText: ClosedRange<Int>
    /// Bytes of one in forty.
    let longText: ClosedRange<Int>

    static let tasks = 20

    /// Numbers of a write, not all of which it needs.
    static let perWrite = 4

    /// From a write's first number to that of the same task's next.
    static let stride = tasks * perWrite

    static func firstNumber(ofTask task: Int, from first: Int) -> Int { first + task * perWrite }

    /// Where the next process begins: past everything that one from `first` on can have written, when `latest` is the
    /// greatest write that it reported. No task is more than one write further.
    static func next(after latest: Int?, from first: Int) -> Int {
        ((latest ?? first) / stride + 2) * stride
    }

    /// The records of the write with that first number.
    func records(ofWrite number: Int) -> [NumberedRecord] {
        let isGroup = number / Self.perWrite % Self.tasks % 5 == 0
        return (number..<number + (isGroup ? Self.perWrite : 1)).map(record)
    }

    func record(_ number: Int) -> NumberedRecord {
        var generator = SeededGenerator(seed: UInt64(number))
        let isLong = Int.random(in: 0..<40, using: &generator) == 0
        return NumberedRecord(number: number, textBytes: .random(in: isLong ? longText : shortText, using: &generator))
    }
}
