internal import SQLiteSpool

/// A spool's status as one JSON object. The first keys are those of the view `spool_status`, and all of them are always
/// there. Times are in UTC, as `2026-11-23T10:15:00Z`.
struct StatusDocument: Encodable {
    private enum CodingKeys: String, CodingKey {
        case state, since, guarantee, destination, pending, inFlight, deadLetters, dropped, enqueued,
            oldestPendingSeconds,
            payloadBytes, lastError, lastCommit, origin, batches, deadLettersByCode, owner, files, needsPerson, advice
    }

    private enum BatchKeys: String, CodingKey {
        case token, records, payloadBytes, frozenAt, attempts, lastAttemptAt, lastError
    }

    private enum DeadLetterKeys: String, CodingKey {
        case code, records, firstAt, lastAt, message
    }

    private enum DestinationKeys: String, CodingKey {
        case database, table
    }

    private enum OwnerKeys: String, CodingKey {
        case process, host, since, isAlive, durability, fileState
    }

    private enum FilesKeys: String, CodingKey {
        case databaseBytes, walBytes, freeDiskBytes, quarantined, readers
    }

    private enum AdviceKeys: String, CodingKey {
        case trouble, needsPerson, text
    }

    private let view: SpoolView

    init(_ view: SpoolView) {
        self.view = view
    }

    // By hand, because synthesized code leaves out what is nil.
    func encode(to encoder: any Encoder) throws {
        let status = view.status
        let advice = Advice.list(view)
        var document = encoder.container(keyedBy: CodingKeys.self)
        try document.encode(status.state.rawValue, forKey: .state)
        try document.encode(status.since?.iso8601, forKey: .since)
        try document.encode(status.guarantee, forKey: .guarantee)
        try document.encode(status.pending, forKey: .pending)
        try document.encode(status.inFlight, forKey: .inFlight)
        try document.encode(status.deadLetters, forKey: .deadLetters)
        try document.encode(status.dropped, forKey: .dropped)
        try document.encode(status.lastID, forKey: .enqueued)
        try document.encode(status.oldestPendingSeconds, forKey: .oldestPendingSeconds)
        try document.encode(status.payloadBytes, forKey: .payloadBytes)
        try document.encode(status.lastError, forKey: .lastError)
        try document.encode(status.committedAt?.iso8601, forKey: .lastCommit)
        try document.encode(status.origin?.words, forKey: .origin)
        try document.encode(advice.contains(where: \.needsPerson), forKey: .needsPerson)
        if let destination = status.destination {
            var entry = document.nestedContainer(keyedBy: DestinationKeys.self, forKey: .destination)
            try entry.encode(destination.database, forKey: .database)
            try entry.encode(destination.table, forKey: .table)
        } else {
            try document.encodeNil(forKey: .destination)
        }
        try encodeBatches(document.nestedUnkeyedContainer(forKey: .batches))
        try encodeDeadLetters(document.nestedUnkeyedContainer(forKey: .deadLettersByCode))
        try encodeOwner(document.nestedContainer(keyedBy: OwnerKeys.self, forKey: .owner))
        try encodeFiles(document.nestedContainer(keyedBy: FilesKeys.self, forKey: .files))
        try encode(advice, document.nestedUnkeyedContainer(forKey: .advice))
    }

    private func encodeBatches(_ list: consuming any UnkeyedEncodingContainer) throws {
        for batch in view.status.batches {
            var entry = list.nestedContainer(keyedBy: BatchKeys.self)
            try entry.encode(batch.token, forKey: .token)
            try entry.encode(batch.records, forKey: .records)
            try entry.encode(batch.payloadBytes, forKey: .payloadBytes)
            try entry.encode(batch.frozenAt.iso8601, forKey: .frozenAt)
            try entry.encode(batch.attempts, forKey: .attempts)
            try entry.encode(batch.lastAttemptAt?.iso8601, forKey: .lastAttemptAt)
            try entry.encode(batch.lastError, forKey: .lastError)
        }
    }

    private func encodeDeadLetters(_ list: consuming any UnkeyedEncodingContainer) throws {
        for group in view.status.deadLettersByCode {
            var entry = list.nestedContainer(keyedBy: DeadLetterKeys.self)
            try entry.encode(group.code, forKey: .code)
            try entry.encode(group.records, forKey: .records)
            try entry.encode(group.firstAt.iso8601, forKey: .firstAt)
            try entry.encode(group.lastAt.iso8601, forKey: .lastAt)
            try entry.encode(group.message, forKey: .message)
        }
    }

    private func encodeOwner(_ entry: consuming KeyedEncodingContainer<OwnerKeys>) throws {
        let owner = view.files.owner
        try entry.encode(owner.process, forKey: .process)
        try entry.encode(owner.isAlive, forKey: .isAlive)
        try entry.encode(owner.note?.durability.rawValue, forKey: .durability)
        try entry.encode(owner.holder?.host, forKey: .host)
        try entry.encode(owner.holder?.since, forKey: .since)
        try entry.encode(owner.note.map { "\($0.state)" }, forKey: .fileState)
    }

    private func encodeFiles(_ entry: consuming KeyedEncodingContainer<FilesKeys>) throws {
        try entry.encode(view.files.databaseBytes, forKey: .databaseBytes)
        try entry.encode(view.files.walBytes, forKey: .walBytes)
        try entry.encode(view.files.freeBytes, forKey: .freeDiskBytes)
        try entry.encode(view.files.quarantined, forKey: .quarantined)
        try entry.encode(view.files.readers, forKey: .readers)
    }

    private func encode(_ advice: [Advice], _ list: consuming any UnkeyedEncodingContainer) throws {
        for advice in advice {
            var entry = list.nestedContainer(keyedBy: AdviceKeys.self)
            try entry.encode(advice.trouble.rawValue, forKey: .trouble)
            try entry.encode(advice.needsPerson, forKey: .needsPerson)
            try entry.encode(advice.text, forKey: .text)
        }
    }
}
