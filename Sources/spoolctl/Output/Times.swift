internal import Foundation
internal import SQLiteSpool

extension WallInstant {
    /// `2026-11-23 10:15:00`, in UTC: as the spool's views say it.
    var words: String {
        date.formatted(.iso8601.dateTimeSeparator(.space)).replacing("Z", with: "")
    }

    /// `2026-11-23T10:15:00Z`
    var iso8601: String { date.formatted(.iso8601) }

    /// `2026-11-23T10:15:00.123Z`
    var exactISO8601: String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
            .formatted(
                .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted)
            )
    }

    private var date: Date { Date(timeIntervalSince1970: Double(milliseconds / 1_000)) }
}
