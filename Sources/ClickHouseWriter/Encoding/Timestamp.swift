internal import Foundation

/// A date as ClickHouse's `DateTime64(3)` holds it: whole milliseconds, from 1900 to 2299.
///
/// The range is ClickHouse's (https://clickhouse.com/docs/sql-reference/data-types/datetime64); outside of it a server
/// would store another time than the one it was sent.
struct Timestamp {
    static let rangeDescription = "the date is not between 1900-01-01 and 2299-12-31"

    private static let range = -2_208_988_800_000.0..<10_413_792_000_000.0
    private static let millisecondsPerDay: Int64 = 86_400_000

    private let milliseconds: Int64

    /// The nearest millisecond; nil outside of the range and for no number.
    init?(_ date: Date) {
        let milliseconds = (date.timeIntervalSince1970 * 1_000).rounded()
        guard Self.range.contains(milliseconds) else { return nil }
        self.milliseconds = Int64(milliseconds)
    }

    struct Parts {
        var year, month, day, hour, minute, second, millisecond: Int64
    }

    /// In UTC.
    var parts: Parts {
        var (days, rest) = milliseconds.quotientAndRemainder(dividingBy: Self.millisecondsPerDay)
        if rest < 0 {
            days -= 1
            rest += Self.millisecondsPerDay
        }
        let (year, month, day) = Self.civilDate(daysSince1970: days)
        return Parts(
            year: year,
            month: month,
            day: day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1_000 % 60,
            millisecond: rest % 1_000
        )
    }

    /// `2026-11-22T16:23:00.123Z`
    var description: String {
        var text = JSONText(capacity: 26)
        text.append(self)
        return String(decoding: text.finish().dropFirst().dropLast(), as: UTF8.self)
    }

    /// The proleptic Gregorian date, after Howard Hinnant (https://howardhinnant.github.io/date_algorithms.html).
    private static func civilDate(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // Years start in March here, so that the leap day is the last of its year. All of the range is after year 0.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
            month: month,
            day: dayOfYear - (153 * marchMonth + 2) / 5 + 1
        )
    }
}
