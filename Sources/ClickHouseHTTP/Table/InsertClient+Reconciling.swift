internal import Synchronization

/// Asks which records the table has, once it is certain that no insert of them runs and that the answer has all of them.
extension InsertClient {
    /// How many rows with each key the table has.
    ///
    /// - Parameters:
    ///   - token: of the batch that may have been stored.
    ///   - doubtAge: how long ago its first failure was; nil when no insert of it can be running.
    /// - Returns: a failure while an insert under the token may still be running, or a replica lacks what another has.
    package func countStored(
        _ keys: Set<RowKey>,
        token: String,
        doubtAge: Duration?
    ) async -> Result<[RowKey: Int], InsertFailure> {
        if let doubtAge {
            do throws(InsertFailure) {
                try await checkNothingRuns(token, doubtAge)
            } catch {
                return .failure(error)
            }
        }
        let result = await withEndpoint { endpoint throws(InsertFailure) in
            // Another one than the batch was settled for may be first now.
            let profile = try await askable(endpoint)
            if profile.table.isReplicated { try await checkIsComplete(endpoint, doubtAge) }
            var counts = try await countStored(keys, at: endpoint)
            // Tables that do not share their rows are asked one by one.
            if !profile.table.isShared {
                for other in endpoints where other != endpoint {
                    _ = try await askable(other)
                    counts.merge(try await countStored(keys, at: other), uniquingKeysWith: +)
                }
            }
            if profile.table.quorum > 1 { try await checkQuorum(profile.table.quorum, counts, besides: endpoint) }
            return counts
        }
        return result.mapError { failure in
            var failure = failure
            // A server that answers may take other batches.
            if failure.transport == nil { failure.concernsBatchAlone = true }
            return failure
        }
    }

    private func askable(_ endpoint: Endpoint) async throws(InsertFailure) -> EndpointProfile {
        let profile = try await profile(of: endpoint)
        guard profile.destination.canReconcile else {
            throw .ours(.transient, "the table at \(endpoint) cannot be asked", concernsBatchAlone: true)
        }
        return profile
    }

    /// Whether ``proveQuestion(by:token:)`` has something to find out, of the server that has accepted the batch.
    package func isQuestionUnproven(token: String) -> Bool { state.withLock { $0.unproven[token] != nil } }

    /// Asks for rows of a batch that was just accepted. Where one is not found, or the question fails again and again, the table is not asked any more
    /// which records it has: what it does not show would be taken for missing, and sent again.
    package func proveQuestion(by keys: Set<RowKey>, token: String) async {
        guard let endpoint = state.withLock({ $0.unproven.removeValue(forKey: token) }), !keys.isEmpty else { return }
        let counts = try? await countStored(keys, at: endpoint)
        if Task.isCancelled { return }
        state.withLock { state in
            var problem: String?
            if let counts {
                let isShown = counts.values.allSatisfy { $0 > 0 }
                problem = isShown ? nil : "the table does not show what it has just accepted"
            } else {
                state[endpoint].failedProofs += 1
                // It may be busy. A limit of the user's profile fails each time.
                if state[endpoint].failedProofs < Self.mostFailedProofs { return }
                problem = "the table does not answer which records it has"
            }
            state[endpoint].failedProofs = 0
            state[endpoint].unaskable = problem
            state[endpoint].profile?.settleQuestion(problem)
            state.destination = state[endpoint].profile?.destination ?? state.destination
        }
    }

    private static let mostFailedProofs = 3

    /// A server that does not answer for so long is not waited for: whatever ran there is over.
    private static let patience = Duration.seconds(120)

    /// How long an insert may take from its arrival to its place in `system.processes`.
    private static let settlingTime = Duration.seconds(1)

    func countStored(_ keys: Set<RowKey>, at endpoint: Endpoint) async throws(InsertFailure) -> [RowKey: Int] {
        let table = try await profile(of: endpoint).table
        guard let identity, let reconciliation = Reconciliation(target, identity, types: table.columnTypes) else {
            throw .ours(.transient, "the table at \(endpoint) has changed since the last look; the writer asks again")
        }
        let canonical = keys.map { ($0, reconciliation.canonical($0)) }
        var counts: [RowKey: Int] = [:]
        for part in Reconciliation.parts(Set(canonical.compactMap(\.1))) {
            let text = try await execute(reconciliation.statement(part), at: endpoint, responseLimit: 4 << 20)
            guard let found = reconciliation.parse(text) else {
                let text = summarize("no answer of ClickHouse's: \(text)", credentials: credentials)
                throw InsertFailure(kind: .transient, status: 200, message: text)
            }
            counts.merge(found, uniquingKeysWith: +)
        }
        // Keys that the column spells alike share its rows: one row each.
        let spellings = Dictionary(grouping: canonical.compactMap(\.1)) { $0 }.mapValues(\.count)
        var stored: [RowKey: Int] = [:]
        for (key, spelled) in canonical {
            let rows = spelled.flatMap { counts[$0] } ?? 0
            let share = spelled.flatMap { spellings[$0] } == 1 ? rows : min(rows, 1)
            if let spelled { counts[spelled] = rows - share }
            stored[key] = share
        }
        return stored
    }

    /// - Parameter counts: of the first replica that was asked.
    /// - Throws: a transient failure while some rows are on fewer replicas than the quorum: then their insert was not acknowledged, and
    ///   may never be.
    func checkQuorum(
        _ quorum: Int,
        _ counts: [RowKey: Int],
        besides endpoint: Endpoint
    ) async throws(InsertFailure) {
        var replicas = [counts]
        for other in endpoints where other != endpoint {
            // One that does not answer has none, as far as is known.
            if let counts = try? await countStored(Set(counts.keys), at: other) { replicas.append(counts) }
        }
        for key in counts.keys {
            let counts = replicas.map { $0[key] ?? 0 }.sorted(by: >)
            guard counts.count >= quorum, counts[0] == counts[quorum - 1] else {
                throw .ours(
                    .transient,
                    "rows are on fewer replicas than insert_quorum = \(quorum) asks for",
                    concernsBatchAlone: true
                )
            }
        }
    }

    /// - Throws: a transient failure while an insert under the token runs somewhere, or may.
    func checkNothingRuns(_ token: String, _ doubtAge: Duration) async throws(InsertFailure) {
        // One that has just arrived is not listed yet: not before its body is complete.
        if doubtAge < Self.settlingTime { try? await sleep(Self.settlingTime - doubtAge) }
        for endpoint in endpoints { try await checkNothingRuns(token, at: endpoint, doubtAge) }
    }

    private func checkNothingRuns(
        _ token: String,
        at endpoint: Endpoint,
        _ doubtAge: Duration
    ) async throws(InsertFailure) {
        // By the id, and by the text where something on the way replaces the id.
        let condition = "query_id LIKE \(quoteString("\(token)-%")) OR query LIKE \(quoteString("INSERT%\(token)-%"))"
        let text: String
        do throws(InsertFailure) {
            text = try await execute(
                "SELECT count() AS running FROM system.processes WHERE \(condition)"
                    + " FORMAT TabSeparatedWithNames",
                at: endpoint
            )
        } catch {
            // One that shuts down takes no connections, and ends what runs.
            if error.transport != nil, doubtAge >= Self.patience { return }
            // A user without the right to look.
            if error.kind == .destination { return }
            var failure = error
            failure.concernsBatchAlone = endpoints.count > 1
            throw failure
        }
        guard text == "running\n0\n" else {
            throw .ours(
                .transient,
                "an earlier insert of this batch still runs at \(endpoint)",
                concernsBatchAlone: true
            )
        }
    }

    /// - Throws: a transient failure while the replica may lack what another one has acknowledged.
    func checkIsComplete(_ endpoint: Endpoint, _ doubtAge: Duration?) async throws(InsertFailure) {
        // A table that nobody has written to looks like one whose first entry was not pulled yet.
        let isNew = (doubtAge.map { $0 >= Self.patience } ?? true) ? " OR log_max_index = 0 AND log_pointer = 0" : ""
        // Two looks, because entries go from the log to the queue in between: nothing to pull first, then nothing to do.
        for condition in ["log_pointer > log_max_index\(isNew)", "inserts_in_queue = 0"] {
            let text = try await execute(completenessStatement(condition), at: endpoint)
            guard text == "complete\n1\n" else {
                throw .ours(
                    .transient,
                    "the replica \(endpoint) does not have yet what others may have acknowledged",
                    concernsBatchAlone: true
                )
            }
        }
    }

    /// Parts to check may be dropped: those that were written while Keeper was away, without an acknowledgement (code 319).
    func completenessStatement(_ condition: String) -> String {
        "SELECT (\(condition)) AND parts_to_check = 0 AND is_readonly = 0 AND is_session_expired = 0 AS complete"
            + " FROM system.replicas WHERE \(isTarget) FORMAT TabSeparatedWithNames"
    }

    /// Of a system table that has a row for each table.
    var isTarget: String { "database = \(quoteString(target.database)) AND table = \(quoteString(target.table))" }
}
