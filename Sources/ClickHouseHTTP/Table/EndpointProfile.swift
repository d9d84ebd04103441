/// What was learned of one endpoint.
struct EndpointState {
    /// What it is sent with every request; nothing until it has said what it knows, and kept until it is asked again.
    var settings = RequestSettings(known: [])

    /// nil until it is asked, and after a failure that may have changed it.
    var profile: EndpointProfile?

    /// Why it takes no rows until an operator fixes it; another is used meanwhile.
    var problem: InsertFailure?

    /// Why it is not asked which records it has, until the writer is started anew.
    var unaskable: String?

    /// Questions in a row that failed, while it has not yet shown what it accepted.
    var failedProofs = 0
}

/// What is known of a server and its table.
struct EndpointProfile: Sendable, Equatable {
    let knowsTokens: Bool
    let table: TableProfile
    let destination: DestinationProfile

    /// Whether the table takes the question and has not yet shown a record that it has accepted.
    private(set) var isQuestionUnproven: Bool

    /// - Parameter problem: why the table cannot be asked which records it has; nil when it takes the question.
    init(
        knowsTokens: Bool,
        _ passage: Passage,
        _ table: TableProfile,
        version: String,
        reconciliationProblem problem: String?
    ) {
        self.knowsTokens = knowsTokens
        self.table = table
        isQuestionUnproven = problem == nil
        var guarantee = Guarantee(
            table,
            version: version,
            knowsTokens: knowsTokens,
            reconciliationProblem: problem
        )
        if passage.settings == .lost, case .token = guarantee {
            guarantee = Guarantee(withoutTokens: "tokens may not reach the server", reconciliationProblem: problem)
        }
        destination = DestinationProfile(
            version: version,
            guarantee: guarantee,
            passage: passage,
            canReconcile: problem == nil,
            mayRecogniseLostRows: table.mayRecogniseLostRows,
            retention: table.retention,
            columnTypes: table.columnTypes
        )
    }

    /// - Parameter problem: why the table cannot be asked, which asking has shown: a row policy may hide rows, a TTL may have deleted them;
    ///   nil when it has shown what it accepted.
    mutating func settleQuestion(_ problem: String?) {
        self = EndpointProfile(
            knowsTokens: knowsTokens,
            destination.passage,
            table,
            version: destination.version,
            reconciliationProblem: problem
        )
        isQuestionUnproven = false
    }

    /// Whether a batch that may be stored here can be sent elsewhere: what is stored is recognised there, or asked for.
    var mayMove: Bool {
        switch destination.guarantee {
        case .token: table.isShared && table.viewTargets.allSatisfy(\.isShared)
        case .reconciliation: true
        case .atLeastOnce: false
        }
    }
}
