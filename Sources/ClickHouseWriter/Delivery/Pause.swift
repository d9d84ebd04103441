internal import SQLiteSpool

/// A wait until a time. Should the machine's clock be set back, it is over early rather than late.
struct Pause {
    private let length: Duration
    private let end: WallInstant

    init(_ length: Duration, from now: WallInstant) {
        self.length = length
        end = now.advanced(by: length)
    }

    /// What is left of it; nil when it is over.
    func rest(_ now: WallInstant) -> Duration? {
        let rest = now.duration(to: end)
        return rest > .zero && rest <= length ? rest : nil
    }
}
