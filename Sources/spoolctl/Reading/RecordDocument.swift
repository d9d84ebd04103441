internal import SQLiteSpool

extension JSONObject {
    /// A record; `row` is as it is sent, or null and `payload` its text when it is not what was written.
    init(_ record: StoredRecord) {
        self.init()
        add("id", record.id)
        add("enqueued_at", record.enqueuedAt.exactISO8601)
        add("state", record.token == nil ? "pending" : "in flight")
        add("token", record.token)
        if record.isSound {
            add("row", json: record.payload)
        } else {
            add("row", json: Array("null".utf8))
            add("payload", String(decoding: record.payload, as: UTF8.self))
        }
    }
}
