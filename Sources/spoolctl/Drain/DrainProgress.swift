/// How far a drain came and how fast it goes, as text for people. Times are since its start.
struct DrainProgress {
    /// The rate is that of the latest so long, so that an outage does not spoil it for ever.
    private static let window = Duration.seconds(10)

    /// Records that there were to deliver.
    let total: Int

    private var samples: [(at: Duration, left: Int)]
    private var deadLetters = 0

    /// When the next attempt is; nil while nothing waits.
    var nextAttempt: Duration?

    init(total: Int) {
        self.total = total
        samples = [(.zero, total)]
    }

    /// - Parameters:
    ///   - left: records that are not delivered yet.
    ///   - deadLetters: records that were set aside since the start.
    mutating func observe(left: Int, deadLetters: Int, at time: Duration) {
        samples.append((time, left))
        self.deadLetters = deadLetters
        // The last before the window stays: a rate needs what lies between two.
        while samples.count > 2, time - samples[1].at >= Self.window { samples.removeFirst() }
    }

    private var latest: (at: Duration, left: Int) { samples[samples.count - 1] }

    /// Records that are not delivered yet.
    var left: Int { latest.left }

    private var done: Int { total - left }

    /// Records a second; nil until there is something to compare.
    var rate: Int? {
        let seconds = (latest.at - samples[0].at) / .seconds(1)
        return seconds > 0 ? Int((Double(samples[0].left - latest.left) / seconds).rounded()) : nil
    }

    /// Whole seconds until nothing is left; nil while that cannot be told.
    var secondsLeft: Int? {
        rate.flatMap { $0 > 0 ? (left + $0 - 1) / $0 : nil }
    }

    private var percent: Int { total == 0 ? 100 : done * 100 / total }

    private var pace: String {
        if let nextAttempt {
            let seconds = Int(((nextAttempt - latest.at) / .seconds(1)).rounded(.up))
            return seconds > 0 ? "waits, next attempt in \(Words.age(seconds))" : "trying again"
        }
        return rate.map { "\(Words.grouped($0)) a second" } ?? "starting"
    }

    private var ending: String {
        guard nextAttempt == nil, let secondsLeft, left > 0 else { return "" }
        return ", \(Words.age(secondsLeft)) left"
    }

    private var aside: String {
        deadLetters == 0 ? "" : ", \(Words.count(deadLetters, "dead letter"))"
    }

    /// For a log, or a screen that cannot be redrawn.
    var line: String {
        "\(Words.grouped(done)) of \(Words.count(total, "record")) (\(percent) %), \(pace)\(ending)\(aside)"
    }

    /// One line of at most `width` characters, with a bar where there is room for one.
    func bar(width: Int) -> String {
        let room = width - line.count - 3
        guard room >= 10 else { return String(line.prefix(max(0, width))) }
        let length = min(room, 40)
        let filled = total == 0 ? length : length * done / total
        let head = filled > 0 && filled < length ? ">" : ""
        let bar = String(repeating: "=", count: filled - head.count) + head
        return "[\(bar)\(String(repeating: " ", count: length - bar.count))] \(line)"
    }
}
