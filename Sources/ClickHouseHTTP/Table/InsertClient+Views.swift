/// Finds out what an insert writes to besides its table: `deduplicate_blocks_in_dependent_materialized_views` lets a view's target
/// recognise a repeated batch, but only one that has a deduplication window itself.
extension InsertClient {
    /// What the table's materialized views write to, and the views of those, however deep.
    func askViewTargets(
        _ serverSettings: [String: String],
        at endpoint: Endpoint
    ) async throws(InsertFailure) -> [TableProfile] {
        var found: [TableProfile] = []
        var seen = [target]
        var tables = [target]
        while true {
            let views = try await views(of: tables, at: endpoint)
            if views.isEmpty { return found }
            tables = []
            for (view, written) in try await targets(of: views, at: endpoint) {
                if let written, !seen.contains(written) { tables.append(written) }
                if written == nil { found.append(TableProfile(subject: "what the view \(view.quotedName) writes to")) }
            }
            if tables.isEmpty { return found }
            seen += tables
            let engines = try await describe(tables, "engine, engine_full", at: endpoint)
            found += zip(tables, engines).map { table, fields in
                TableProfile(
                    subject: "the view target \(table.quotedName)",
                    engine: fields?[0] ?? "",
                    definition: fields?[1] ?? "",
                    serverSettings: serverSettings
                )
            }
        }
    }

    private func views(of tables: [InsertTarget], at endpoint: Endpoint) async throws(InsertFailure) -> [InsertTarget] {
        let views = try await rows(
            "SELECT DISTINCT view_database, view FROM system.tables"
                + " ARRAY JOIN dependencies_database AS view_database, dependencies_table AS view"
                + " WHERE \(isAmong(tables))",
            at: endpoint
        )
        return (views ?? []).filter { $0.count == 2 }.map { InsertTarget(database: $0[0], table: $0[1]) }
    }

    /// What each view writes to; nil where the user may not see it.
    private func targets(
        of views: [InsertTarget],
        at endpoint: Endpoint
    ) async throws(InsertFailure) -> [(view: InsertTarget, target: InsertTarget?)] {
        let definitions = try await describe(views, "toString(uuid), create_table_query", at: endpoint)
        return zip(views, definitions).map { view, fields in
            (view, fields.map { InsertTarget(writtenBy: view, uuid: $0[0], definition: $0[1]) })
        }
    }

    /// Two columns of `system.tables` for each of the tables; nil for one that the user may not see.
    func describe(
        _ tables: [InsertTarget],
        _ columns: String,
        at endpoint: Endpoint
    ) async throws(InsertFailure) -> [[String]?] {
        let found = try await rows(
            "SELECT database, name, \(columns) FROM system.tables WHERE \(isAmong(tables))",
            at: endpoint
        )
        return tables.map { table in
            found?.first { $0.count == 4 && $0[0] == table.database && $0[1] == table.table }.map { Array($0[2...]) }
        }
    }

    private func isAmong(_ tables: [InsertTarget]) -> String {
        let names = tables.map { "(\(quoteString($0.database)), \(quoteString($0.table)))" }
        return "(database, name) IN (\(names.joined(separator: ", ")))"
    }
}

extension InsertTarget {
    /// What a materialized view writes to: the table that its definition names, else one of its own.
    init(writtenBy view: InsertTarget, uuid: String, definition: String) {
        let named =
            #/
            ^CREATE\ MATERIALIZED\ VIEW\ (?:`(?:[^`\\]|\\.)*`|\w+)\.(?:`(?:[^`\\]|\\.)*`|\w+)(?:\ UUID\ '[^']*')?
            \ TO\ (`(?:[^`\\]|\\.)*`|\w+)\.(`(?:[^`\\]|\\.)*`|\w+)
            /#
        if let match = definition.prefixMatch(of: named.matchingSemantics(.unicodeScalar)) {
            self.init(database: Self.name(match.1), table: Self.name(match.2))
        } else {
            let isNumbered = uuid.contains { $0 != "0" && $0 != "-" }
            self.init(database: view.database, table: isNumbered ? ".inner_id.\(uuid)" : ".inner.\(view.table)")
        }
    }

    /// Without its backquotes and escapes.
    private static func name(_ identifier: Substring) -> String {
        identifier.hasPrefix("`") ? unescapeTabSeparated(identifier.dropFirst().dropLast()) : String(identifier)
    }
}
