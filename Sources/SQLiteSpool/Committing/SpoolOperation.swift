/// Records to store: all of them or none.
enum NewRecords {
    /// One payload needs no array around it.
    case one(Payload)
    case many([Payload])
    /// Those of dead letters, which are no longer dead letters then.
    case requeued(LetterMove)

    var count: Int {
        switch self {
        case .one: 1
        case .many(let payloads): payloads.count
        case .requeued(let move): move.ids.count
        }
    }

    /// What they will take in the file.
    var bytesToStore: Int {
        switch self {
        case .one(let payload): SpoolUsage.bytes(ofPayload: payload.bytes.count)
        case .many(let payloads): payloads.reduce(0) { $0 + SpoolUsage.bytes(ofPayload: $1.bytes.count) }
        case .requeued(let move): move.bytes
        }
    }
}

/// A change of what the spool already has: batches, dead letters, or what it says of its delivery.
enum SpoolOperation {
    case freeze(Batch)
    case acknowledge(Batch)
    case recordFailure(Batch, error: String)
    /// The records that no child holds are deleted: they were delivered.
    case replace(Batch, members: [BatchMember], children: [(batch: Batch, members: [BatchMember])])
    case deadLetter(Batch, code: Int?, message: String)
    /// Dead letters are deleted.
    case discard(LetterMove)
    case report(DeliveryReport)
    /// Records that are not what was written become dead letters.
    case setAside([Int64])

    /// Whether something is sent because of it.
    var mustSurvivePowerLoss: Bool {
        switch self {
        case .freeze, .replace: true
        case .acknowledge, .recordFailure, .deadLetter, .discard, .report, .setAside: false
        }
    }
}
