/// The columns that tell a record from all others.
///
/// When a batch may have been stored without an acknowledgement, and the table does not recognise a batch that is sent
/// twice, the writer asks the table for these and sends only what it does not have.
public struct RecordIdentity: Sendable, Equatable {
    /// A column of text, UUIDs or integers, never null and different in every record. Best is a UUID that the writing program draws:
    /// an id that clients choose may come twice. Of two records with the same id and second, one may be taken for the other when
    /// ClickHouse is asked, and not be sent.
    public let id: String

    /// A column with the record's own time, so that only the parts of the table around it are searched. A stored
    /// record counts as ours only with the same time, to the second.
    public let time: String?

    /// Whether the table may lack the column `id`. Then rows are sent without it, and the table is not asked which records it has.
    public let isOptional: Bool

    /// The identity by the column `id`, looked for around the time in column `time`. Where a table without the column `id` will do
    /// (`isOptional`), the column must be the record type's first.
    public init(id: String, time: String? = nil, isOptional: Bool = false) {
        self.id = id
        self.time = time
        self.isOptional = isOptional
    }
}
