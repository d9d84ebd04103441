internal import SQLiteSpool

/// A moment of `spoolctl watch` as one line, for what is no terminal.
struct WatchLine: Encodable {
    private enum CodingKeys: String, CodingKey {
        case time, state, pending, inFlight, writesPerSecond, deliveredPerSecond, oldestPendingSeconds, deadLetters,
            dropped, payloadBytes, ownerIsAlive, needsPerson, error
    }

    var now: WallInstant
    var latest: Result<SpoolView, SpoolError>
    var point: WatchHistory.Point

    /// For people.
    var text: String {
        switch latest {
        case .failure(let error): return "\(now.words)  waiting: \(Paragraph.oneLine("\(error)"))"
        case .success(let view):
            let status = view.status
            let owner = view.files.owner.isAlive ? status.state.rawValue : "\(status.state.rawValue), no owner"
            return [
                now.words, owner, "pending \(Words.grouped(status.pending))",
                "in flight \(Words.grouped(status.inFlight))",
                "writes/s \(point.writesPerSecond.map(WatchScreen.number) ?? "-")",
                "delivered/s \(point.deliveredPerSecond.map(WatchScreen.number) ?? "-")",
                "oldest \(status.oldestPendingSeconds.map(Words.age) ?? "-")",
                "dead letters \(Words.grouped(status.deadLetters))",
            ].joined(separator: "  ")
        }
    }

    // By hand, because synthesized code leaves out what is nil.
    func encode(to encoder: any Encoder) throws {
        let view = try? latest.get()
        var line = encoder.container(keyedBy: CodingKeys.self)
        try line.encode(now.iso8601, forKey: .time)
        try line.encode(view?.status.state.rawValue, forKey: .state)
        try line.encode(view?.status.pending, forKey: .pending)
        try line.encode(view?.status.inFlight, forKey: .inFlight)
        try line.encode(point.writesPerSecond, forKey: .writesPerSecond)
        try line.encode(point.deliveredPerSecond, forKey: .deliveredPerSecond)
        try line.encode(view?.status.oldestPendingSeconds, forKey: .oldestPendingSeconds)
        try line.encode(view?.status.deadLetters, forKey: .deadLetters)
        try line.encode(view?.status.dropped, forKey: .dropped)
        try line.encode(view?.status.payloadBytes, forKey: .payloadBytes)
        try line.encode(view?.files.owner.isAlive, forKey: .ownerIsAlive)
        try line.encode(view.map { Advice.list($0).contains(where: \.needsPerson) }, forKey: .needsPerson)
        var error: String?
        if case .failure(let failure) = latest { error = failure.description }
        try line.encode(error, forKey: .error)
    }
}
