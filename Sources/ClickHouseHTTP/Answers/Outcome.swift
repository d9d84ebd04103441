package enum InsertOutcome: Sendable, Equatable {
    /// ClickHouse provably stored the batch, or knew its token.
    case accepted
    case failed(InsertFailure)
}

/// Why a batch was not provably accepted.
package struct InsertFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// The server cannot now, or was not reached: the same batch again, later.
        case transient
        /// Nobody knows whether the batch was stored: the same batch again, under the same token.
        case outcomeUnknown = "outcome unknown"
        /// A value in the batch cannot be stored.
        case data
        /// The batch has too many rows, bytes or partitions: smaller ones may do.
        case tooLarge = "too large"
        /// Table, column, permission or setting: no batch can be stored until the destination is mended.
        case destination
    }

    package var kind: Kind

    /// ClickHouse's error code (`SELECT * FROM system.errors`), when it gave one.
    package var code: Int?

    package var status: Int?

    /// ClickHouse's, the transport's or our words: one line, at most 500 characters, without credentials.
    package var message: String

    /// Which of several endpoints an operator must fix.
    package var endpoint: Endpoint?

    /// Whether the message is ours: nothing in it is of the server or of a record.
    package var isOurWords: Bool

    /// How long the server asked us to wait.
    package var retryAfter: Duration?

    /// The row that ClickHouse's message points at, counted from 1. It may be wrong.
    package var badRow: Int?

    /// Whether a materialized view failed, after the table itself had taken the rows.
    package var isOfView: Bool

    /// False only when the server cannot have seen the rows.
    package var mayHaveBeenStored: Bool

    /// Whether other batches need not wait for what this one waits for.
    package var concernsBatchAlone: Bool

    /// Whether the server that may have stored the batch does not recognise it when it is sent again.
    package var mustBeAsked = false

    /// Of a refusal: whether the latest acceptance was another server's, which is used next.
    package var acceptsElsewhere = false

    /// Why there was no response; nil when there was one.
    package var transport: TransportFailure?

    /// How many sends in a row may each have stored the records again; 0 while they are few.
    package var sendsInDoubt = 0

    /// Whether fewer records may do, and the batch cannot be cut, because it may be stored.
    package var cannotBeCut = false

    package init(
        kind: Kind,
        code: Int? = nil,
        status: Int? = nil,
        message: String,
        isOurWords: Bool = false,
        retryAfter: Duration? = nil,
        badRow: Int? = nil,
        isOfView: Bool = false,
        mayHaveBeenStored: Bool = true,
        concernsBatchAlone: Bool = false,
        transport: TransportFailure? = nil
    ) {
        self.kind = kind
        self.code = code
        self.status = status
        self.message = message
        self.isOurWords = isOurWords
        self.retryAfter = retryAfter
        self.badRow = badRow
        self.isOfView = isOfView
        self.mayHaveBeenStored = mayHaveBeenStored
        self.concernsBatchAlone = concernsBatchAlone
        self.transport = transport
    }

    static func ours(
        _ kind: Kind,
        _ message: String,
        mayHaveBeenStored: Bool = true,
        concernsBatchAlone: Bool = false
    ) -> InsertFailure {
        InsertFailure(
            kind: kind,
            message: message,
            isOurWords: true,
            mayHaveBeenStored: mayHaveBeenStored,
            concernsBatchAlone: concernsBatchAlone
        )
    }

    /// Whether the user may not insert there, or not with our settings: the server has stored nothing.
    var isRightMissing: Bool {
        kind == .destination && !isOfView && code.map { [164, 452, 497].contains($0) } ?? false
    }

    /// Whether no server was reached.
    package var isUnreached: Bool { transport?.isBeforeSending ?? false }

    /// Whether the server has read the batch and does not want it as it is.
    package var isRefusal: Bool { kind == .data || kind == .tooLarge }

    /// Whether other records may be taken, though the table or a view must be fixed for these: a field that the table lacks, as in rows of an
    /// older type; or a view that throws for a value.
    package var isOfSome: Bool { kind == .destination && code.map(ExceptionCode.mayConcernSome) ?? false }

    /// Whether the server found the end of the body, or of another connection, too early.
    package var isCut: Bool { kind == .outcomeUnknown && code.map(ExceptionCode.endOfData.contains) ?? false }

    /// Whether the server has stored none of it, because of what is in it.
    package var isOfRows: Bool { isRefusal || isOfSome && !isOfView }

    /// The description, without the words of the server: they may repeat a row, or name users and files. ClickHouse's
    /// name of the code stands in their place.
    package var withoutQuotes: String {
        if isOurWords || transport != nil { return description }
        if let code {
            let name = ExceptionCode.name(of: code).map { " \($0)" } ?? ""
            return "\(place)\(finding) (code \(code)\(name))"
        }
        return place + (status.map { "\(finding) (HTTP status \($0))" } ?? finding)
    }

    package var description: String {
        "\(place)\(finding)\(code.map { " (code \($0))" } ?? ""): \(message)"
    }

    private var finding: String {
        if sendsInDoubt > 0 {
            return
                "\(kind.rawValue) after \(sendsInDoubt) sends without an answer, and each may have stored the records again: check what is "
                + "between the writer and ClickHouse, or give the writer ClickHouse's own URL"
        }
        guard cannotBeCut else { return kind.rawValue }
        let setting =
            switch code {
            case ExceptionCode.memoryLimitExceeded: "max_memory_usage"
            case ExceptionCode.timeoutExceeded: "max_execution_time"
            default: "CLICKHOUSE_REQUEST_TIMEOUT, or the limits of what is between"
            }
        return "\(kind.rawValue) again and again, and the batch is not cut, since the table cannot be asked whether it "
            + "has it: raise \(setting), or let the writer read the table"
    }

    private var place: String { endpoint.map { "\($0): " } ?? "" }
}
