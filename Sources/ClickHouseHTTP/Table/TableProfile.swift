/// What `system.tables` and `system.columns` say of the table, or of one that a view of it writes to.
struct TableProfile: Sendable, Equatable {
    /// What sentences call it.
    var subject = "the table"

    /// For example `ReplicatedMergeTree`; empty when the user may not see it.
    var engine = ""

    /// The engine's definition with its settings, for example
    /// `MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 10000`.
    var definition = ""

    /// ClickHouse's type of each column; empty when the user may not see them.
    var columnTypes: [String: String] = [:]

    /// The server's `…deduplication_window…` settings, where the table has none of its own.
    var serverSettings: [String: String] = [:]

    /// How many replicas must have a block before an insert is acknowledged, as the user's `insert_quorum` asks for.
    var quorum = 1

    /// What the table's materialized views write to, and the views of those.
    var viewTargets: [TableProfile] = []

    /// What stores the rows of a table that hands them on (``next``); empty when the user may not see it.
    var stores: [TableProfile] = []

    var isReplicated: Bool { engine.hasPrefix("Replicated") }

    /// Whether it may take a batch for one that it has, and have lost its rows: such tables keep the ids of blocks apart from the
    /// parts (ClickHouse #112149, #55109).
    var mayRecogniseLostRows: Bool { isReplicated || engine.hasPrefix("Shared") }

    /// Whether every endpoint has the same rows.
    var isShared: Bool { mayRecogniseLostRows || engine == "Distributed" }

    /// Whether rows are sent without the column that identifies them.
    func lacks(_ identity: IdentityColumns) -> Bool {
        identity.isOptional && !columnTypes.isEmpty && columnTypes[identity.id] == nil
    }

    /// How many of the newest blocks the table recognises again; nil when that cannot be read.
    var deduplicationWindow: Int? { setting(windowSetting) }

    private var windowSetting: String {
        isShared ? "replicated_deduplication_window" : "non_replicated_deduplication_window"
    }

    /// How long it does; nil without a limit.
    var deduplicationSeconds: Int? { isShared ? setting(Self.secondsSetting) : nil }

    private static let secondsSetting = "replicated_deduplication_window_seconds"

    private func setting(_ name: String) -> Int? {
        guard let assignment = definition.ranges(of: " \(name) = ").last else {
            return serverSettings[name].flatMap { Int($0) }
        }
        return Int(definition[assignment.upperBound...].prefix { $0.isNumber })
    }
}

/// What follows for a batch that is sent twice, for one that is asked for, and for one that comes late.
extension TableProfile {
    /// Other writers may send this many blocks while a token is trusted, for a minute.
    static let fewestBlocks = 1_000

    /// Servers forget tokens in rounds, and a send takes a while: twice as long as tokens are trusted.
    static let fewestSeconds = 120

    /// What an engine does with rows, where that is not what a MergeTree does.
    private static let habits: [String: String] = [
        "Buffer": "keeps rows in memory before it stores them",
        "Memory": "loses all rows when the server stops",
        "Log": "may lose rows when the server crashes",
        "TinyLog": "may lose rows when the server crashes",
        "StripeLog": "may lose rows when the server crashes",
        "Set": "keeps each value once",
        "Join": "may keep one row of each key",
        "Distributed": "hands rows to other servers",
        "URL": "sends rows to another server",
        "Kafka": "hands rows to a broker",
        "RabbitMQ": "hands rows to a broker",
        "NATS": "hands rows to a broker",
    ]

    /// Why it may store a repeated batch once more; nil when it recognises one by its token.
    var doubt: String? {
        if engine.isEmpty { return "the engine of \(subject) cannot be seen" }
        if engine == "Null" { return "\(subject) has the engine Null, which keeps nothing" }
        guard engine.hasSuffix("MergeTree") else {
            let habit = Self.habits[engine].map { " and \($0)" } ?? ""
            return "\(subject) has the engine \(engine), which recognises no repeated batch\(habit)"
        }
        guard let blocks = deduplicationWindow else { return "the deduplication window of \(subject) cannot be read" }
        return doubt(windowSetting, blocks, fewest: Self.fewestBlocks)
            ?? deduplicationSeconds.flatMap { doubt(Self.secondsSetting, $0, fewest: Self.fewestSeconds) }
    }

    private func doubt(_ setting: String, _ value: Int, fewest: Int) -> String? {
        if value >= fewest { return nil }
        return "\(subject) has \(setting) = \(value)" + (value > 0 ? ", less than \(fewest)" : "")
    }

    /// The table that a Distributed or a Buffer hands its rows to; nil for any other engine.
    var next: InsertTarget? {
        let definition = definition.prefixMatch(of: /(?:Distributed\([^,]+, |Buffer\()([^,]+), ([^,)]+)/)
        guard let match = definition else { return nil }
        let names = [match.1, match.2].map { $0.filter { $0 != "'" && $0 != "`" } }
        return InsertTarget(database: names[0], table: names[1])
    }

    /// Why a row that is not found may have been stored nevertheless; nil when every row that is stored is found.
    func problem(askingFor column: String) -> String? {
        // A broker's messages would be consumed by the question.
        if ["Null", "Set", "URL", "Kafka", "RabbitMQ", "NATS", "MaterializedView"].contains(engine) {
            return "it cannot be asked what it has"
        }
        if let next {
            guard let store = stores.first else { return "\(next.quotedName) cannot be seen" }
            return store.problem(askingFor: column)
        }
        let merges = ["Replacing", "Summing", "Aggregating", "Coalescing", "Collapsing", "Graphite"]
        guard merges.contains(where: engine.contains) else { return nil }
        if sortingKey.contains(column) || sortingKey.contains(quoteIdentifier(column)), !engine.contains("Collapsing") {
            return nil
        }
        return "\(engine) may merge away rows before the writer asks for them"
    }

    private var sortingKey: [String] {
        guard let key = definition.firstMatch(of: /ORDER BY \(?(.*?)\)?(?: SAMPLE BY | TTL | SETTINGS |$)/)?.1 else {
            return []
        }
        return key.split(separator: ", ").map(String.init)
    }

    /// The shortest time after which a TTL deletes rows, counted from a column's value; nil where no TTL says so plainly.
    var retention: Duration? {
        let days = ["Day": 1, "Week": 7, "Month": 28, "Quarter": 90, "Year": 365]
        let seconds = ["Second": 1, "Minute": 60, "Hour": 3_600].merging(days.mapValues { $0 * 86_400 }) { $1 }
        let deletions = definition.matches(
            of: /(?:TTL|,) [^,+]+ \+ toInterval(\w+)\((\d+)\)(?= DELETE| WHERE | GROUP BY | SETTINGS |, |$)/
        )
        return deletions.compactMap { deletion -> Duration? in
            guard let unit = seconds[String(deletion.1)], let count = Int(deletion.2), count < 1 << 32 else {
                return nil
            }
            return .seconds(unit * count)
        }.min()
    }
}

extension Guarantee {
    /// All that is known of a table makes its guarantee, the words for it, and whether doubt is settled by the token or by asking.
    ///
    /// - Parameters:
    ///   - knowsTokens: whether the server takes `insert_deduplication_token`, as those since 22.2 do.
    ///   - reconciliationProblem: why the table cannot be asked what it has; nil when it can.
    init(_ table: TableProfile, version: String, knowsTokens: Bool, reconciliationProblem: String?) {
        // Null passes tokens on to its views, and keeps nothing twice.
        let stores = ([table] + table.viewTargets).filter { $0.engine != "Null" }
        let knowsBatches = knowsTokens || !table.engine.hasSuffix("MergeTree")
        let doubts =
            knowsBatches
            ? (stores.isEmpty ? [table] : stores).compactMap(\.doubt)
            : ["ClickHouse \(version) knows no deduplication tokens"]
        let sound = stores.filter { $0.doubt == nil }
        let limits = [
            sound.compactMap(\.deduplicationWindow).min().map { "the newest \($0) blocks" },
            sound.compactMap(\.deduplicationSeconds).min().map { "\($0) s" },
        ]
        let loss = table.mayRecogniseLostRows ? ", while the table loses none of them" : ""
        let limit = "within " + limits.compactMap(\.self).joined(separator: " and ") + loss
        let reason = doubts.joined(separator: "; ")
        self =
            switch (doubts.isEmpty, reconciliationProblem) {
            case (true, nil): .token(limit: nil)
            case (true, let problem?): .token(limit: "\(limit), since \(problem)")
            case (false, nil): .reconciliation(reason: reason)
            case (false, let problem?) where knowsTokens && table.doubt == nil:
                .token(limit: "\(limit); at-least-once for views: \(reason), and \(problem)")
            case (false, let problem?): .atLeastOnce(reason: "\(reason), and \(problem)")
            }
    }
}
