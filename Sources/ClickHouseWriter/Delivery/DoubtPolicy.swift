/// How often a batch is sent where no answer says whether it is stored, and each send may store it again: a few times, then later and
/// later. A path on which no answer comes back must not fill the table with copies.
enum DoubtPolicy {
    static let freeSends = 5

    /// How long to wait after this many sends; nil for the first few.
    static func delay(afterSends sends: Int) -> Duration? {
        sends < freeSends ? nil : min(.seconds(3_600), .seconds(60) * (1 << min(sends - freeSends, 6)))
    }
}
