/// What `system.tables` and `system.columns` say of the table.
struct TableProfile: Sendable, Equatable {
    /// For example `ReplicatedMergeTree`; empty when the user may not see it.
    var engine = ""

    /// The engine's definition with its settings, for example
    /// `MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100`.
    var definition = ""

    /// ClickHouse's type of each column; empty when the user may not see them.
    var columnTypes: [String: String] = [:]

    /// The server's `…deduplication_window…` settings, where the table has none of its own.
    var serverSettings: [String: String] = [:]

    /// How many replicas must have a block before an insert is acknowledged, as the user's `insert_quorum` asks for.
    var quorum = 1

    var isReplicated: Bool { engine.hasPrefix("Replicated") }

    /// Whether every endpoint has the same rows.
    var isShared: Bool { isReplicated || engine.hasPrefix("Shared") || engine == "Distributed" }

    /// Whether rows are sent without the column that identifies them.
    func lacks(_ identity: IdentityColumns) -> Bool {
        identity.isOptional && !columnTypes.isEmpty && columnTypes[identity.id] == nil
    }

    /// How many of the newest blocks the table recognises again; nil when that cannot be read.
    var deduplicationWindow: Int? { setting(windowSetting) }

    var windowSetting: String { isShared ? "replicated_deduplication_window" : "non_replicated_deduplication_window" }

    /// How long it does; nil without a limit.
    var deduplicationSeconds: Int? { isShared ? setting("replicated_deduplication_window_seconds") : nil }

    private func setting(_ name: String) -> Int? {
        guard let assignment = definition.ranges(of: " \(name) = ").last else {
            return serverSettings[name].flatMap { Int($0) }
        }
        return Int(definition[assignment.upperBound...].prefix { $0.isNumber })
    }
}

extension Guarantee {
    /// - Parameters:
    ///   - knowsTokens: whether the server takes `insert_deduplication_token`, as those since 22.2 do.
    ///   - reconciliationProblem: why the table cannot be asked what it has; nil when it can.
    init(_ table: TableProfile, version: String, knowsTokens: Bool, reconciliationProblem: String?) {
        let reason: String
        if table.engine.isEmpty {
            reason = "the user may not see the table's engine"
        } else if !table.engine.hasSuffix("MergeTree") {
            reason = "a table of engine \(table.engine) recognises no repeated batch"
        } else if !knowsTokens {
            reason = "ClickHouse \(version) knows no deduplication tokens"
        } else if table.deduplicationWindow == nil {
            reason = "the table's deduplication window cannot be read"
        } else if table.deduplicationWindow == 0 {
            reason = "the table's \(table.windowSetting) is 0"
        } else {
            self = .token(window: table.deduplicationSeconds.map { .seconds($0) })
            return
        }
        self =
            if let reconciliationProblem {
                .atLeastOnce(reason: "\(reason), and \(reconciliationProblem)")
            } else {
                .reconciliation(reason: reason)
            }
    }
}
