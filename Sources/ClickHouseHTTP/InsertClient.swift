internal import Synchronization

/// Sends batches to ClickHouse: one batch in, accepted or a classified failure out.
///
/// Several endpoints are taken to be replicas of one table. The first is used until it fails in a way that another might
/// not, and again when it has rested.
package final class InsertClient: Sendable {
    struct State {
        var selector: EndpointSelector
        var endpoints: [Endpoint: EndpointState] = [:]
        /// The latest profile's, also when that was dropped.
        var destination: DestinationProfile?
        /// Batches that may be stored at one endpoint, and must not go to another: by token.
        var pins: [String: Endpoint] = [:]
        /// Where the latest batch was accepted.
        var accepting: Endpoint?
        /// Where batches were accepted by whose records a question is to be proven: by token.
        var unproven: [String: Endpoint] = [:]
        var compressedAhead: (token: String, body: [UInt8])?

        subscript(endpoint: Endpoint) -> EndpointState {
            get { endpoints[endpoint] ?? EndpointState() }
            set { endpoints[endpoint] = newValue }
        }
    }

    package let endpoints: [Endpoint]
    let target: InsertTarget
    let columns: [String]
    let columnProblem: @Sendable ([String: String]) -> String?
    let identity: IdentityColumns?
    let reconciles: Bool
    let credentials: Credentials?
    let requestTimeout: Duration
    private let compressesBodies: Bool
    let transport: any HTTPTransport
    private let now: @Sendable () -> ContinuousClock.Instant
    let sleep: @Sendable (Duration) async throws -> Void
    let state: Mutex<State>

    /// - Parameters:
    ///   - endpoints: at least one.
    ///   - columns: what every row has a value for.
    ///   - columnProblem: why columns of these types, by their names, take no rows; nil when they do.
    ///   - identity: what tells a row from others; nil when nothing does.
    ///   - reconciles: whether the table may be asked for rows.
    ///   - requestTimeout: for one exchange, from connecting to the last byte of the response.
    ///   - compressesBodies: sends batches compressed by gzip.
    package init(
        endpoints: [Endpoint],
        target: InsertTarget,
        columns: [String] = [],
        columnProblem: @escaping @Sendable ([String: String]) -> String? = { _ in nil },
        identity: IdentityColumns? = nil,
        reconciles: Bool = true,
        credentials: Credentials?,
        requestTimeout: Duration,
        compressesBodies: Bool = false,
        transport: any HTTPTransport,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        precondition(!endpoints.isEmpty)
        self.endpoints = endpoints
        self.target = target
        self.columns = columns
        self.columnProblem = columnProblem
        self.identity = identity
        self.reconciles = reconciles
        self.credentials = credentials
        self.requestTimeout = requestTimeout
        self.compressesBodies = compressesBodies
        self.transport = transport
        self.now = now
        self.sleep = sleep
        state = Mutex(State(selector: EndpointSelector(endpoints)))
    }

    package var destination: DestinationProfile? { state.withLock(\.destination) }

    /// Why the first endpoint that is broken takes no rows; nil when none is, and when all are.
    package var passedOver: InsertFailure? {
        state.withLock { state in
            endpoints.contains { state[$0].problem == nil } ? firstProblem(state) : nil
        }
    }

    /// Asks the server what the table is, unless that is known.
    ///
    /// - Returns: a failure of kind `destination` when records cannot be stored there, saying all that is missing.
    package func preflight() async -> Result<DestinationProfile, InsertFailure> {
        await withEndpoint { endpoint throws(InsertFailure) in try await current(endpoint).destination }
    }

    /// Compresses a batch that is sent next while another one is on its way, where it is to be compressed.
    package func prepare(_ rows: [UInt8], token: String) async {
        let profiles = state.withLock { $0.endpoints.values.compactMap(\.profile) }
        guard profiles.contains(where: compresses), !profiles.contains(where: lacksIdentity),
            let body = try? await Gzip.compress(rows)
        else { return }
        state.withLock { $0.compressedAhead = (token, body) }
    }

    /// Sends one batch once: JSON lines, each closed by a newline, under the batch's deduplication token.
    package func insert(_ rows: [UInt8], token: String) async -> InsertOutcome {
        let pinned = state.withLock { $0.pins[token] }
        let result = await withEndpoint(pinned) { endpoint throws(InsertFailure) in
            let profile = try await current(endpoint)
            do throws(InsertFailure) {
                try await withRequestSpan("INSERT", at: endpoint) { () async throws(InsertFailure) in
                    try await send(rows, token: token, to: endpoint, profile)
                }
                state.withLock { state in
                    state.accepting = endpoint
                    if state[endpoint].profile?.isQuestionUnproven == true { state.unproven[token] = endpoint }
                }
            } catch var error {
                if endpoints.count > 1, error.isRightMissing { passOver(endpoint, &error) }
                if case .token = profile.destination.guarantee {} else { error.mustBeAsked = error.mayHaveBeenStored }
                if error.isRefusal { compare(&error, at: endpoint) }
                let mustStay = error.mayHaveBeenStored && !error.isRefusal && !profile.mayMove
                state.withLock { $0.pins[token] = mustStay || pinned != nil && !error.isRefusal ? endpoint : nil }
                throw error
            }
        }
        switch result {
        case .success:
            state.withLock { $0.pins[token] = nil }
            return .accepted
        case .failure(var failure):
            failure.concernsBatchAlone = pinned != nil && endpoints.count > 1
            return .failed(failure)
        }
    }

    package func rereadTLSFiles() async {
        await transport.rereadTLSFiles()
    }

    package func close() async {
        await transport.close()
    }

    // MARK: Endpoints

    /// Runs `body` with one endpoint after the other until one does not fail in a way that another might not.
    func withEndpoint<Value: Sendable>(
        _ pinned: Endpoint? = nil,
        _ body: (Endpoint) async throws(InsertFailure) -> Value
    ) async -> Result<Value, InsertFailure> {
        let candidates = pinned.map { [$0] } ?? state.withLock { $0.selector.candidates(now: now()) }
        var latest = InsertFailure.ours(.transient, "no endpoint")
        for endpoint in candidates {
            do throws(InsertFailure) {
                let value = try await body(endpoint)
                state.withLock { $0.selector.recordSuccess(endpoint) }
                return .success(value)
            } catch {
                latest = learn(from: error, at: endpoint)
                // What may be stored already goes back to whoever must ask first.
                let isForAnother = [.transient, .destination].contains(error.kind) && !error.mayHaveBeenStored
                if !isForAnother || Task.isCancelled { return .failure(latest) }
            }
        }
        // What an operator must fix is said rather than what may pass by itself.
        return .failure(pinned == nil ? state.withLock { firstProblem($0) } ?? latest : latest)
    }

    private func firstProblem(_ state: State) -> InsertFailure? {
        endpoints.lazy.compactMap { state[$0].problem }.first
    }

    /// After a failure the server may be another one than before: restarted, upgraded, its table fixed.
    ///
    /// - Returns: the failure; one endpoint's `Retry-After` is nothing to wait for while another can be used.
    private func learn(from failure: InsertFailure, at endpoint: Endpoint) -> InsertFailure {
        var failure = failure
        state.withLock { state in
            // A server that has read the batch and refuses it is the same as before.
            if !failure.isRefusal { state[endpoint].profile = nil }
            guard failure.kind == .transient || failure.kind == .outcomeUnknown else { return }
            state.selector.recordFailure(endpoint, now: now(), retryAfter: failure.retryAfter)
            if state.selector.hasAwake(now: now()) { failure.retryAfter = nil }
        }
        return failure
    }

    /// What another endpoint has accepted says nothing of the table that refuses here: the batch goes there before it is cut or given up.
    private func compare(_ refusal: inout InsertFailure, at endpoint: Endpoint) {
        refusal.acceptsElsewhere = state.withLock { state in
            guard let accepting = state.accepting, accepting != endpoint else { return false }
            state.selector.recordFailure(endpoint, now: now(), retryAfter: nil)
            return true
        }
    }

    /// Another endpoint is used until an operator has fixed this one.
    private func passOver(_ endpoint: Endpoint, _ failure: inout InsertFailure) {
        failure.endpoint = endpoint
        failure.mayHaveBeenStored = false
        state.withLock { [failure] state in
            state[endpoint].problem = failure
            // It is asked again now and then, not before every batch.
            state.selector.recordFailure(endpoint, now: now(), retryAfter: nil)
        }
    }

    /// The profile of the endpoint that is used now: its destination is what is promised.
    private func current(_ endpoint: Endpoint) async throws(InsertFailure) -> EndpointProfile {
        let profile = try await profile(of: endpoint)
        state.withLock { $0.destination = profile.destination }
        return profile
    }

    func profile(of endpoint: Endpoint) async throws(InsertFailure) -> EndpointProfile {
        if let profile = state.withLock({ $0[endpoint].profile }) { return profile }
        var profile: EndpointProfile
        do throws(InsertFailure) {
            profile = try await askProfile(of: endpoint)
        } catch {
            var failure = error
            failure.mayHaveBeenStored = false
            if failure.kind == .destination, endpoints.count > 1 { passOver(endpoint, &failure) }
            throw failure
        }
        return state.withLock { state in
            state[endpoint].problem = nil
            // Rows that were sent without it are not found by it later.
            if lacksIdentity(profile) { state[endpoint].unaskable = identity.map(lack(of:)) }
            if let problem = state[endpoint].unaskable { profile.settleQuestion(problem) }
            state[endpoint].profile = profile
            state.destination = profile.destination
            return profile
        }
    }

    func settings(of endpoint: Endpoint) -> RequestSettings { state.withLock { $0[endpoint].settings } }

    func use(_ settings: RequestSettings, at endpoint: Endpoint) {
        state.withLock { $0[endpoint].settings = settings }
    }

    // MARK: Bodies

    func lacksIdentity(_ profile: EndpointProfile) -> Bool { identity.map(profile.table.lacks) ?? false }

    /// The rows with what the table has columns for.
    func rows(_ rows: [UInt8], for profile: EndpointProfile) -> [UInt8] {
        guard let identity, lacksIdentity(profile) else { return rows }
        return FirstField(identity.id).removed(from: rows)
    }

    /// A cut body of plain JSON is stored in part by old servers, a cut gzip stream is refused.
    func compresses(_ profile: EndpointProfile) -> Bool { compressesBodies || !profile.knowsTokens }

    /// - Throws: ``InsertFailure`` of kind `transient` when the task is cancelled.
    func compress(_ rows: [UInt8], token: String) async throws(InsertFailure) -> [UInt8] {
        let ahead = state.withLock { state -> [UInt8]? in
            guard let ahead = state.compressedAhead, ahead.token == token else { return nil }
            state.compressedAhead = nil
            return ahead.body
        }
        if let ahead { return ahead }
        do {
            return try await Gzip.compress(rows)
        } catch {
            throw .ours(.transient, "the batch was not compressed: \(error)", mayHaveBeenStored: false)
        }
    }
}
