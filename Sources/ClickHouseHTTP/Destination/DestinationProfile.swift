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

    /// ClickHouse's type of each column; empty when the user may not see them.
    package let columnTypes: [String: String]

    package init(
        version: String,
        guarantee: Guarantee,
        passage: Passage = Passage(),
        canReconcile: Bool,
        mayRecogniseLostRows: Bool = false,
        columnTypes: [String: String] = [:]
    ) {
        self.version = version
        self.guarantee = guarantee
        self.passage = passage
        self.canReconcile = canReconcile
        self.mayRecogniseLostRows = mayRecogniseLostRows
        self.columnTypes = columnTypes
    }

    /// The guarantee, and what stands between the writer and the server, as an operator reads it.
    package var promise: String { ([guarantee.description] + passage.findings).joined(separator: "; ") }
}

/// What becomes of a batch that is sent again after its first send may have been stored.
package enum Guarantee: Sendable, Equatable, CustomStringConvertible {
    /// The table drops a batch whose token it has seen, for so long; nil is for as many batches as it remembers.
    case token(window: Duration?)
    /// The table does not, so it is asked what it has before anything is sent again.
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
        case .token(let window):
            "effectively-once by token" + (window.map { " (for \($0.components.seconds) s)" } ?? "")
        case .reconciliation(let reason): "effectively-once by reconciliation (\(reason))"
        case .atLeastOnce(let reason): "at-least-once: retries may duplicate (\(reason))"
        }
    }
}
