/// The columns that tell a record from all others.
///
/// When a batch may have been stored without an acknowledgement, and the table does not recognise a batch that is sent
/// twice, the writer asks the table for these and sends only what it does not have.
public struct RecordIdentity: Sendable, Equatable {
    /// A column of text, UUIDs or integers, never null and different in every record. Of two records with the same id and
    /// second, one may be taken for the other when ClickHouse is asked, and not be sent.
    public let id: String

    /// A column with the record's own time, so that only the parts of the table around it are searched. A stored
    /// record counts as ours only with the same time, to the second.
    public let time: String?

    /// The identity by the column `id`, looked for around the time in column `time`.
    public init(id: String, time: String? = nil) {
        self.id = id
        self.time = time
    }
}
