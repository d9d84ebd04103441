/// How the children number their records, so that the parent knows what each write held.
///
/// A write is known by its first number. The tasks of a child take turns in them, and every fifth task writes several
/// records at once.
enum KillNumbers {
    static let tasks = 20
    /// Numbers of a write, not all of which it needs.
    static let perWrite = 4

    /// From a write's first number to that of the same task's next.
    static let stride = tasks * perWrite

    static func firstNumber(ofTask task: Int, from first: Int) -> Int { first + task * perWrite }

    /// The records of the write with that first number.
    static func records(ofWrite number: Int) -> [NumberedRecord] {
        let isGroup = number / perWrite % tasks % 5 == 0
        return (number..<number + (isGroup ? perWrite : 1)).map(record)
    }

    static func record(_ number: Int) -> NumberedRecord {
        NumberedRecord(number: number, textBytes: textBytes(of: number))
    }

    /// Where the next child begins: past everything that one from `first` on can have written, when `latest` is the
    /// greatest write that it reported. No task is more than one write further.
    static func next(after latest: Int?, from first: Int) -> Int {
        ((latest ?? first) / stride + 2) * stride
    }

    /// Mostly short ones, now and then one with many pages of its own.
    private static func textBytes(of number: Int) -> Int {
        var generator = SeededGenerator(seed: UInt64(number))
        let isLong = Int.random(in: 0..<40, using: &generator) == 0
        return .random(in: isLong ? 4_000...60_000 : 0...400, using: &generator)
    }
}
