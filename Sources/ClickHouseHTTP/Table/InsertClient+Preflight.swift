/// Asks a server what it and its table are, before anything is sent there.
extension InsertClient {
    /// - Throws: a failure of kind `destination` when the table or columns of it are missing or cannot hold
    ///   every value, naming all of them.
    func askProfile(of endpoint: Endpoint) async throws(InsertFailure) -> EndpointProfile {
        let (known, passage) = try await askSettings(of: endpoint)
        let version = summarize(
            try await execute("SELECT version() FORMAT TabSeparated", at: endpoint).lines.first ?? "",
            credentials: credentials
        )
        var table = try await askTable(at: endpoint)
        let settings = RequestSettings(
            known: known.known,
            isInStatement: known.isInStatement,
            isSequential: table.engine.hasPrefix("Shared")
        )
        use(settings, at: endpoint)
        try checkColumns(of: table)
        // Where tokens are not known, the table is asked in any case.
        if settings.knowsTokens { table.viewTargets = try await askViewTargets(table.serverSettings, at: endpoint) }
        let problem = try await reconciliationProblem(table, at: endpoint).map { $0 + remark(on: table) }
        return EndpointProfile(
            knowsTokens: settings.knowsTokens,
            passage,
            table,
            version: version,
            reconciliationProblem: problem
        )
    }

    /// Which settings the server knows, and how they reach it. What cuts an answer short could hide some, so it is asked once more with
    /// those that it named, until no others come.
    private func askSettings(
        of endpoint: Endpoint
    ) async throws(InsertFailure) -> (settings: RequestSettings, passage: Passage) {
        let token = "preflight-\(UInt64.random(in: 0 ... .max))"
        var settings = RequestSettings(known: [])
        var found = try await lookUp(settings, token, at: endpoint)
        repeat {
            settings = RequestSettings(known: settings.known.union(found.values.keys))
            found = try await lookUp(settings, token, at: endpoint)
        } while !settings.known.isSuperset(of: found.values.keys)
        var way = settings.passage(token: token, inURL: found.values, inStatement: nil)
        // INSERT has had a clause for settings for longer than there are tokens.
        if way == .lost, settings.knowsTokens {
            let inStatement = RequestSettings(known: settings.known, isInStatement: true)
            do throws(InsertFailure) {
                let values = try await lookUp(inStatement, token, at: endpoint).values
                way = settings.passage(token: token, inURL: found.values, inStatement: values)
                if way == .statement { settings = inStatement }
            } catch {
                // What is refused there is no way. A server that is busy says so with a code.
                if error.transport != nil || error.kind == .transient && error.code != nil { throw error }
            }
        }
        use(settings, at: endpoint)
        return (settings, Passage(queryID: found.queryID, settings: way))
    }

    private func lookUp(
        _ settings: RequestSettings,
        _ token: String,
        at endpoint: Endpoint
    ) async throws(InsertFailure) -> (values: RequestSettings.Values, queryID: Passage.QueryID) {
        let (text, queryID) = try await ask(RequestSettings.lookUpStatement, settings, token: token, at: endpoint)
        let values = RequestSettings.values(in: text)
        // An answer that is not ClickHouse's would make us send without a token, and a retry would store rows twice.
        guard values[RequestSettings.knownToAll] != nil else {
            let text = summarize("no list of ClickHouse's settings: \(text)", credentials: credentials)
            throw InsertFailure(kind: .transient, status: 200, message: text)
        }
        return (values, queryID)
    }

    private func askTable(at endpoint: Endpoint) async throws(InsertFailure) -> TableProfile {
        let place = "database = \(quoteString(target.database)) AND"
        var table = TableProfile()
        let engine = try await rows(
            "SELECT engine, engine_full FROM system.tables WHERE \(place) name = \(quoteString(target.table))",
            at: endpoint
        )
        if let engine, engine.isEmpty {
            // Who may insert into a table sees it.
            throw .ours(
                .destination,
                "there is no table \(target.quotedName) at \(endpoint), or the user may not insert into it",
                mayHaveBeenStored: false
            )
        }
        if let row = engine?.first, row.count == 2 { (table.engine, table.definition) = (row[0], row[1]) }
        let columns = try await rows(
            "SELECT name, type FROM system.columns WHERE \(place) table = \(quoteString(target.table))",
            at: endpoint
        )
        for row in columns ?? [] where row.count == 2 { table.columnTypes[row[0]] = row[1] }
        // Old servers have one table for both.
        for (source, prefix) in [("merge_tree_settings", ""), ("replicated_merge_tree_settings", "replicated_")] {
            let settings = try await rows(
                "SELECT name, value FROM system.\(source) WHERE name LIKE '\(prefix)%deduplication_window%'",
                at: endpoint
            )
            for row in settings ?? [] where row.count == 2 { table.serverSettings[row[0]] = row[1] }
        }
        if let next = table.next, let fields = try await describe([next], "engine, engine_full", at: endpoint)[0] {
            table.stores = [TableProfile(engine: fields[0], definition: fields[1])]
        }
        if table.isReplicated { table.quorum = try await askQuorum(at: endpoint) }
        return table
    }

    private func askQuorum(at endpoint: Endpoint) async throws(InsertFailure) -> Int {
        let setting = try await rows("SELECT value FROM system.settings WHERE name = 'insert_quorum'", at: endpoint)
        guard setting?.first?.first == "auto" else { return setting?.first?.first.flatMap { Int($0) } ?? 1 }
        let replicas = try await rows("SELECT total_replicas FROM system.replicas WHERE \(isTarget)", at: endpoint)
        return (replicas?.first?.first.flatMap { Int($0) } ?? 1) / 2 + 1
    }

    /// The rows of a query about the server; nil when the user may not ask, or the server is too old to have the table.
    func rows(_ query: String, at endpoint: Endpoint) async throws(InsertFailure) -> [[String]]? {
        do throws(InsertFailure) {
            let text = try await execute(query + " FORMAT TabSeparated", at: endpoint, responseLimit: 4 << 20)
            return text.lines.map {
                $0.split(separator: "\t", omittingEmptySubsequences: false).map(unescapeTabSeparated)
            }
        } catch {
            if error.kind == .destination, error.code.map({ !Self.isOfUser($0) }) ?? false { return nil }
            throw error
        }
    }

    /// A wrong user or password: then nothing else is worth asking.
    private static func isOfUser(_ code: Int) -> Bool { [192, 193, 194, 195, 516].contains(code) }

    private func checkColumns(of table: TableProfile) throws(InsertFailure) {
        if table.columnTypes.isEmpty { return }
        let missing = columns.filter {
            table.columnTypes[$0] == nil && !($0 == identity?.id && identity?.isOptional == true)
        }
        guard let problem = missing.isEmpty ? columnProblem(table.columnTypes) : lack(of: missing) else { return }
        throw .ours(.destination, "the table \(target.quotedName) \(problem)", mayHaveBeenStored: false)
    }

    private func lack(of missing: [String]) -> String {
        let names = missing.map(quoteIdentifier).joined(separator: ", ")
        return "lacks \(missing.count == 1 ? "the column" : "the columns") \(names); add with ALTER TABLE … ADD COLUMN"
    }

    func lack(of identity: IdentityColumns) -> String {
        "the table lacks the column \(quoteIdentifier(identity.id)), which tells records apart"
    }

    /// What holds besides where the tables of several URLs are several tables, and cannot be asked.
    private func remark(on table: TableProfile) -> String {
        endpoints.count > 1 && !table.isShared
            ? "; each URL has its own table, and after a restart a batch in doubt may go to another" : ""
    }

    /// - Returns: why the table cannot be asked which records it has; nil when it can.
    private func reconciliationProblem(
        _ table: TableProfile,
        at endpoint: Endpoint
    ) async throws(InsertFailure) -> String? {
        guard let identity else { return "the record type names no identity" }
        let column = quoteIdentifier(identity.id)
        if !reconciles { return "reconciliation is turned off" }
        if table.lacks(identity) { return lack(of: identity) }
        if table.quorum > endpoints.count {
            return "insert_quorum is \(table.quorum), and the writer has fewer URLs than that"
        }
        if let problem = table.problem(askingFor: identity.id) { return problem }
        guard let reconciliation = Reconciliation(target, identity, types: table.columnTypes) else {
            return "values of the type \(table.columnTypes[identity.id] ?? "") of column \(column) cannot be compared"
        }
        do throws(InsertFailure) {
            _ = try await execute(reconciliation.probeStatement, at: endpoint)
            if table.isReplicated { _ = try await execute(completenessStatement("1"), at: endpoint) }
            return nil
        } catch {
            guard error.kind == .destination else { throw error }
            return "the table cannot be asked what it has: \(error.withoutQuotes)"
        }
    }
}
