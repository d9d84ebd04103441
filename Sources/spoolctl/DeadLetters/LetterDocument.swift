internal import SQLiteSpool

extension JSONObject {
    /// A dead letter; `row` is as it was to be sent, or null and `payload` its text when it is no row any more.
    init(_ letter: StoredLetter) {
        self.init()
        add("id", letter.id)
        add("enqueued_at", letter.enqueuedAt.exactISO8601)
        add("dead_lettered_at", letter.deadLetteredAt.exactISO8601)
        add("code", letter.code)
        add("message", letter.message)
        add("attempts", letter.attempts)
        if letter.obstacle == .damaged {
            add("row", json: Array("null".utf8))
            add("payload", String(decoding: letter.payload, as: UTF8.self))
        } else {
            add("row", json: letter.payload)
        }
        if let obstacle = letter.obstacle { add("obstacle", obstacle.key) }
    }

    init(_ group: SpoolStatus.DeadLetterGroup) {
        self.init()
        add("code", group.code)
        add("count", group.records)
        add("first_at", group.firstAt.exactISO8601)
        add("last_at", group.lastAt.exactISO8601)
        add("message", group.message)
    }
}

extension StoredLetter.Obstacle {
    /// In JSON.
    var key: String {
        switch self {
        case .damaged: "not_a_row"
        case .setAside: "set_aside"
        }
    }

    /// Why it stays a dead letter.
    var words: String {
        switch self {
        case .damaged: "not the row that was written, and never sent"
        case .setAside: "set aside by a salvage, and requeued only by its id, once you have looked at it"
        }
    }
}
