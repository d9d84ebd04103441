internal import SQLiteSpool

/// A spool's status as one JSON object. The keys are those of the view `spool_status`, and all of them are always there.
struct StatusDocument: Encodable {
    private enum CodingKeys: String, CodingKey {
        case state, guarantee, pending, inFlight, deadLetters, dropped, oldestPendingSeconds, payloadBytes, lastError,
            batches
    }

    private enum BatchKeys: String, CodingKey {
        case token, records, attempts, lastError
    }

    private let status: SpoolStatus

    init(_ status: SpoolStatus) {
        self.status = status
    }

    func encode(to encoder: any Encoder) throws {
        // By hand, because synthesized code leaves out what is nil.
        var document = encoder.container(keyedBy: CodingKeys.self)
        try document.encode(status.state.rawValue, forKey: .state)
        try document.encode(status.guarantee, forKey: .guarantee)
        try document.encode(status.pending, forKey: .pending)
        try document.encode(status.inFlight, forKey: .inFlight)
        try document.encode(status.deadLetters, forKey: .deadLetters)
        try document.encode(status.dropped, forKey: .dropped)
        try document.encode(status.oldestPendingSeconds, forKey: .oldestPendingSeconds)
        try document.encode(status.payloadBytes, forKey: .payloadBytes)
        try document.encode(status.lastError, forKey: .lastError)
        var batches = document.nestedUnkeyedContainer(forKey: .batches)
        for batch in status.batches {
            var entry = batches.nestedContainer(keyedBy: BatchKeys.self)
            try entry.encode(batch.token, forKey: .token)
            try entry.encode(batch.records, forKey: .records)
            try entry.encode(batch.attempts, forKey: .attempts)
            try entry.encode(batch.lastError, forKey: .lastError)
        }
    }
}
