/// What became of a writer's records when it was closed.
public struct CloseReport: Sendable, Equatable {
    /// Records that ClickHouse accepted from this writer, from its making to its closing.
    public let delivered: Int

    /// Records that stay in the spool and are delivered by the next writer on it.
    public let remaining: Int

    /// Why something remains; nil when nothing does.
    public let reason: String?
}
