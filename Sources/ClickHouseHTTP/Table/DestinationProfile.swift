/// What the table that records go to, and its server, allow to promise.
package struct DestinationProfile: Sendable, Equatable {
    /// As the server gives it, for example `26.9.2.1`.
    package let version: String
    package let guarantee: Guarantee
    package let passage: Passage

    /// Whether the table can be asked which records it has.
    package let canReconcile: Bool

    /// Whether the table may take a batch for one that it has, and have lost its rows: a replicated table keeps the ids of blocks
    /// apart from the parts (ClickHouse #112149, #55109).
    package let mayRecogniseLostRows: Bool

    /// After this long the table's TTL deletes rows; nil when none does, or not plainly.
    package let retention: Duration?

    /// ClickHouse's type of each column; empty when the user may not see them.
    package let columnTypes: [String: String]

    package init(
        version: String,
        guarantee: Guarantee,
        passage: Passage = Passage(),
        canReconcile: Bool,
        mayRecogniseLostRows: Bool = false,
        retention: Duration? = nil,
        columnTypes: [String: String] = [:]
    ) {
        self.version = version
        self.guarantee = guarantee
        self.passage = passage
        self.canReconcile = canReconcile
        self.mayRecogniseLostRows = mayRecogniseLostRows
        self.retention = retention
        self.columnTypes = columnTypes
    }

    /// The guarantee, and what stands between the writer and the server, as an operator reads it.
    package var promise: String { ([guarantee.description] + passage.findings).joined(separator: "; ") }
}

/// What becomes of a batch that is sent again after its first send may have been stored.
package enum Guarantee: Sendable, Equatable, CustomStringConvertible {
    /// The table, and what its views write to, drop a batch whose token they have seen.
    ///
    /// - limit: how long that holds and for what it does not; nil when the table can be asked, which it is once a batch is a minute old.
    case token(limit: String?)
    /// They do not, so the table is asked what it has before anything is sent again.
    case reconciliation(reason: String)
    /// Neither is possible.
    case atLeastOnce(reason: String)

    /// - Parameters:
    ///   - reason: why no token is recognised.
    ///   - problem: why the table cannot be asked what it has; nil when it can.
    init(withoutTokens reason: String, reconciliationProblem problem: String?) {
        self =
            if let problem {
                .atLeastOnce(reason: "\(reason), and \(problem)")
            } else {
                .reconciliation(reason: reason)
            }
    }

    /// Whether a batch that is sent again may be stored again.
    package var isAtLeastOnce: Bool { if case .atLeastOnce = self { true } else { false } }

    package var description: String {
        switch self {
        case .token(let limit): "effectively-once by token" + (limit.map { " (\($0))" } ?? "")
        case .reconciliation(let reason): "effectively-once by reconciliation (\(reason))"
        case .atLeastOnce(let reason): "at-least-once: retries may duplicate (\(reason))"
        }
    }
}
