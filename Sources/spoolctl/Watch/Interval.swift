internal import ArgumentParser

/// A time between two samples, as `1s`, `500ms`, `2.5s` or `1m`; a number alone is in seconds.
struct Interval: ExpressibleByArgument {
    var duration: Duration

    /// A sample takes a few milliseconds of the machine and none of the owner's.
    static let allowed = Duration.milliseconds(100)...Duration.seconds(3_600)

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        let digits = argument.prefix { $0.isNumber || $0 == "." }
        let milliseconds: [Substring: Double] = ["ms": 1, "": 1_000, "s": 1_000, "m": 60_000, "min": 60_000]
        guard let unit = milliseconds[argument.dropFirst(digits.count)], let number = Double(digits), number < 1e6
        else {
            return nil
        }
        duration = .milliseconds(Int64(number * unit))
        guard Self.allowed.contains(duration) else { return nil }
    }

    var defaultValueDescription: String { "1s" }
}
