/// How an attempt to insert a batch ended.
package enum InsertOutcome: Sendable, Equatable {
    /// ClickHouse provably stored the batch, or knew its token.
    case accepted
    case failed(InsertFailure)
}

/// Why a batch was not provably accepted.
package struct InsertFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// The server cannot now, or was not reached: the same batch again, later.
        case transient
        /// Nobody knows whether the batch was stored: the same batch again, under the same token.
        case outcomeUnknown = "outcome unknown"
        /// A value in the batch cannot be stored.
        case data
        /// Table, column, permission or setting: no batch can be stored until the destination is mended.
        case destination
    }

    package var kind: Kind

    /// ClickHouse's error code (`SELECT * FROM system.errors`), when it gave one.
    package var code: Int?

    /// HTTP status, when there was a response.
    package var status: Int?

    /// ClickHouse's or the transport's words: one line, at most 500 characters, without credentials.
    package var message: String

    /// How long the server asked us to wait.
    package var retryAfter: Duration?

    package init(
        kind: Kind,
        code: Int? = nil,
        status: Int? = nil,
        message: String,
        retryAfter: Duration? = nil
    ) {
        self.kind = kind
        self.code = code
        self.status = status
        self.message = message
        self.retryAfter = retryAfter
    }

    package var description: String {
        "\(kind.rawValue)\(code.map { " (code \($0))" } ?? ""): \(message)"
    }
}
