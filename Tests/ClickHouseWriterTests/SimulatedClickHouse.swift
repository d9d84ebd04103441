@testable import ClickHouseHTTP
@testable import ClickHouseWriter
import Foundation
import SQLiteSpool
import Synchronization
import TestSupport

/// A table of ClickHouse's in memory, and everything between it and the writer that can go wrong.
///
/// What happens to each request is drawn from `random`; the table itself follows ClickHouse's rules.
final class SimulatedClickHouse: BatchSink {
    enum Table: CaseIterable {
        /// Drops a batch whose token it has seen. Cannot be asked.
        case knowsTokens
        /// The same, but forgets tokens after a while, and can be asked.
        case forgetsTokens
        /// Knows no tokens, can be asked, and stores part of a batch when its body is cut.
        case plain
        /// Knows no tokens, and shows its user one row in two, which nobody knows before it is asked for what it has accepted.
        case hidesRows
        /// Drops a batch whose token it has seen, also when it has lost the rows since. Can be asked.
        case losesRows
        /// Drops a batch whose token it has seen, but what its view writes to does not. Can be asked.
        case hasForgetfulView
        /// Recognises the newest batch alone. Can be asked.
        case shortWindow
        /// Knows no tokens, can be asked, and is behind something that lets no insert's answer through as it was.
        case hidesAnswers
    }

    /// What a refusal says of the row.
    enum Hint: CaseIterable {
        case right, none, wrong
    }

    /// What lets no insert pass that has more rows than some.
    enum Narrow: CaseIterable {
        case memory, time, link

        var failure: InsertFailure {
            switch self {
            case .memory: InsertFailure(kind: .transient, code: 241, message: "memory limit")
            case .time: InsertFailure(kind: .transient, code: 159, message: "timeout")
            case .link:
                InsertFailure(
                    kind: .outcomeUnknown,
                    message: "reset",
                    transport: TransportFailure(message: "reset", isBeforeSending: false)
                )
            }
        }
    }

    /// What a request meets.
    enum Fate: CaseIterable {
        case fine, lostRequest, lostReply, transient, transientAfterStoring, memoryAfterStoring, tooLarge, destination
        case cutBody, hangs, refusedAfterStoring, viewFailed
    }

    private struct State {
        var random: SeededRandom
        var trouble: Double
        var rows: [Int: Int] = [:]
        /// How often the view's target has each number.
        var viewRows: [Int: Int] = [:]
        /// What each token stands for, and since when.
        var tokens: [String: (numbers: [Int], at: WallInstant)] = [:]
        /// Bytes that were sent under each token, whatever became of them.
        var bodies: [String: Set<[UInt8]>] = [:]
        var sends = 0
        /// How many keys each question asked for.
        var questions: [Int] = []
        var running: [String: (numbers: [Int], checks: Int)] = [:]
        var isWrong = false
        var poison: Set<Int>
        /// Rows of an older type, with a column that was dropped.
        var older: Set<Int> = []
        var narrow: (most: Int, what: Narrow)?
        var hasAccepted = false
        var isProven = false
        var isKnownToHide = false
    }

    private let table: Table
    private let hint: Hint
    private let clock: any WallClock
    private let state: Mutex<State>

    /// How long a table that forgets tokens knows them.
    private static let memory = Duration.seconds(120)

    private let profile: DestinationProfile

    init(
        _ table: Table,
        poison: Set<Int> = [],
        hint: Hint = .right,
        trouble: Double = 0,
        seed: UInt64 = 0,
        clock: any WallClock = SkippingClock()
    ) {
        self.table = table
        self.hint = hint
        self.clock = clock
        state = Mutex(State(random: SeededRandom(seed), trouble: trouble, poison: poison))
        let guarantee: Guarantee =
            switch table {
            case .knowsTokens, .losesRows, .forgetsTokens: Self.guarantee(window: 10_000)
            case .plain, .hidesRows, .hidesAnswers: Self.guarantee(window: 0)
            case .hasForgetfulView: Self.guarantee(window: 10_000, viewTargets: [TableProfile(engine: "MergeTree")])
            case .shortWindow: Self.guarantee(window: 1)
            }
        profile = DestinationProfile(
            version: "simulated",
            guarantee: guarantee,
            canReconcile: table != .knowsTokens,
            mayRecogniseLostRows: table == .losesRows
        )
    }

    private static func guarantee(window: Int, viewTargets: [TableProfile] = []) -> Guarantee {
        let table = TableProfile(
            engine: "MergeTree",
            definition: "MergeTree SETTINGS non_replicated_deduplication_window = \(window)",
            viewTargets: viewTargets
        )
        return Guarantee(table, version: "simulated", knowsTokens: true, reconciliationProblem: nil)
    }

    var destination: DestinationProfile? {
        guard state.withLock(\.isKnownToHide) else { return profile }
        return DestinationProfile(
            version: "simulated",
            guarantee: .atLeastOnce(reason: "it hides"),
            canReconcile: false
        )
    }

    func isQuestionUnproven(token: String) -> Bool {
        state.withLock { table == .hidesRows && $0.hasAccepted && !$0.isProven }
    }

    func proveQuestion(by keys: Set<RowKey>, token: String) async {
        state.withLock { state in
            state.isProven = true
            state.isKnownToHide = keys.contains { count(of: $0, state) == nil }
        }
    }

    /// The numbers that it refuses.
    var poison: Set<Int> {
        get { state.withLock(\.poison) }
        set { state.withLock { $0.poison = newValue } }
    }

    /// The numbers whose rows have a column that the table lacks.
    func setOlder(_ older: Set<Int>) { state.withLock { $0.older = older } }

    func setNarrow(_ most: Int, _ what: Narrow) { state.withLock { $0.narrow = (most, what) } }

    /// How often each number is stored.
    var rows: [Int: Int] { state.withLock(\.rows) }
    var viewRows: [Int: Int] { state.withLock(\.viewRows) }
    var sends: Int { state.withLock(\.sends) }
    var questions: [Int] { state.withLock(\.questions) }

    /// Tokens that stood for different bytes.
    var brokenTokens: [String] { state.withLock { $0.bodies.filter { $0.value.count > 1 }.map(\.key) } }

    /// The share of requests that something happens to, from 0 to 1.
    func setTrouble(_ trouble: Double) {
        state.withLock { $0.trouble = trouble }
    }

    /// Every row is refused, as when a column has the wrong type.
    func setWrong(_ isWrong: Bool) {
        state.withLock { $0.isWrong = isWrong }
    }

    func preflight() async -> Result<DestinationProfile, InsertFailure> {
        let fails = state.withLock { Double.random(in: 0..<1, using: &$0.random) < $0.trouble / 2 }
        if fails { return .failure(InsertFailure(kind: .transient, message: "away", mayHaveBeenStored: false)) }
        return destination.map { .success($0) } ?? .failure(InsertFailure(kind: .transient, message: "away"))
    }

    func insert(_ rows: [UInt8], token: String) async -> InsertOutcome {
        await pass()
        var outcome = state.withLock { insert(rows, token, &$0) }
        if table == .hidesAnswers, case .accepted = outcome {
            outcome = .failed(InsertFailure(kind: .outcomeUnknown, message: "a response for another query"))
        }
        await pass()
        // The writer was killed meanwhile: it never reads the reply.
        return Task.isCancelled ? .failed(InsertFailure(kind: .outcomeUnknown, message: "killed")) : outcome
    }

    /// Lets others run, for a while that differs.
    private func pass() async {
        let turns = state.withLock { Int.random(in: 0...3, using: &$0.random) }
        for _ in 0..<turns { await Task.yield() }
    }

    func countStored(
        _ keys: Set<RowKey>,
        token: String,
        doubtAge: Duration?
    ) async -> Result<[RowKey: Int], InsertFailure> {
        state.withLock { state in
            state.questions.append(keys.count)
            if doubtAge != nil, let (numbers, checks) = state.running[token] {
                if checks > 0 {
                    state.running[token] = (numbers, checks - 1)
                    return .failure(InsertFailure(kind: .transient, message: "still running"))
                }
                state.running[token] = nil
                for number in numbers { state.rows[number, default: 0] += 1 }
            }
            if Double.random(in: 0..<1, using: &state.random) < state.trouble / 2 {
                return .failure(InsertFailure(kind: .transient, message: "the question was lost"))
            }
            var counts: [RowKey: Int] = [:]
            for key in keys { counts[key] = count(of: key, state) }
            return .success(counts)
        }
    }

    private func count(of key: RowKey, _ state: State) -> Int? {
        guard let number = Int(String(decoding: key.id, as: UTF8.self)) else { return nil }
        return table == .hidesRows && number % 2 == 0 ? nil : state.rows[number]
    }

    func close() async {}

    private func insert(_ body: [UInt8], _ token: String, _ state: inout State) -> InsertOutcome {
        state.sends += 1
        state.bodies[token, default: []].insert(body)
        let numbers = String(decoding: body, as: UTF8.self).split(separator: "\n").compactMap {
            Int($0.filter(\.isNumber))
        }
        if let (most, what) = state.narrow, numbers.count > most { return .failed(what.failure) }
        let isTroubled = Double.random(in: 0..<1, using: &state.random) < state.trouble
        let fate = isTroubled ? Fate.allCases.randomElement(using: &state.random) ?? .fine : .fine
        switch fate {
        case .fine:
            return process(numbers, token, &state)
        case .lostRequest:
            return .failed(InsertFailure(kind: .transient, message: "refused", mayHaveBeenStored: false))
        case .lostReply:
            if case .accepted = process(numbers, token, &state), table == .losesRows, Bool.random(using: &state.random)
            {
                for number in numbers { state.rows[number] = nil }
            }
            return .failed(InsertFailure(kind: .outcomeUnknown, message: "the connection failed"))
        case .transient:
            return .failed(InsertFailure(kind: .transient, code: 241, message: "memory limit"))
        case .transientAfterStoring:
            _ = process(numbers, token, &state)
            return .failed(InsertFailure(kind: .transient, code: 209, message: "socket timeout"))
        case .memoryAfterStoring:
            _ = process(numbers, token, &state)
            return .failed(InsertFailure(kind: .transient, code: 241, message: "memory limit"))
        case .tooLarge where numbers.count > 1 && (table != .knowsTokens || state.tokens[token] == nil):
            // What took the same bytes before does not find them too large now. Only a table that can be asked needs no
            // such faith. And a record that is too large alone, twice, rightly becomes a dead letter.
            return .failed(InsertFailure(kind: .tooLarge, message: "status 413"))
        case .viewFailed:
            guard case .accepted = process(numbers, token, &state) else {
                return refusal(of: numbers, state) ?? .accepted
            }
            // Code 6 is about a value. What cannot be asked for would leave a full spool though it is stored.
            let code = [.knowsTokens, .hidesRows].contains(table) ? 60 : 6
            let message = "while pushing to view"
            return .failed(InsertFailure(kind: .destination, code: code, message: message, isOfView: true))
        case .destination:
            return .failed(InsertFailure(kind: .destination, code: 497, message: "not enough privileges"))
        case .cutBody where table == .plain:
            let part = Array(numbers.prefix(Int.random(in: 0...numbers.count, using: &state.random)))
            _ = process(part, token, &state)
            return .failed(InsertFailure(kind: .outcomeUnknown, message: "the body was cut"))
        case .hangs where table == .plain && refusal(of: numbers, state) == nil && state.running[token] == nil:
            // Stored later, while nobody waits for it any more.
            state.running[token] = (numbers, Int.random(in: 0...2, using: &state.random))
            return .failed(InsertFailure(kind: .outcomeUnknown, message: "no response"))
        case .refusedAfterStoring where [.forgetsTokens, .plain].contains(table):
            // A materialized view failed: the table has the rows.
            guard case .accepted = process(numbers, token, &state) else {
                return refusal(of: numbers, state) ?? .accepted
            }
            return .failed(InsertFailure(kind: .data, code: 6, message: "a view cannot parse it"))
        case .tooLarge, .cutBody, .hangs, .refusedAfterStoring:
            return process(numbers, token, &state)
        }
    }

    private func process(_ numbers: [Int], _ token: String, _ state: inout State) -> InsertOutcome {
        if let refusal = refusal(of: numbers, state) { return refusal }
        for number in numbers { state.viewRows[number, default: 0] += 1 }
        let now = clock.now
        if let (known, at) = state.tokens[token], table != .forgetsTokens || at.duration(to: now) < Self.memory {
            // ClickHouse drops other rows under the same token without a word. What is left of a damaged batch is no loss.
            precondition(Set(numbers).isSubset(of: known))
            return .accepted
        }
        if table == .shortWindow { state.tokens = [:] }
        if ![.plain, .hidesRows, .hidesAnswers].contains(table) { state.tokens[token] = (numbers, now) }
        for number in numbers { state.rows[number, default: 0] += 1 }
        state.hasAccepted = true
        return .accepted
    }

    private func refusal(of numbers: [Int], _ state: State) -> InsertOutcome? {
        let isRefused = { state.poison.contains($0) || state.older.contains($0) || state.isWrong }
        guard let index = numbers.firstIndex(where: isRefused) else { return nil }
        let row: Int? =
            switch hint {
            case .right: index + 1
            case .none: nil
            case .wrong: index == 0 ? numbers.count : 1
            }
        return .failed(
            state.older.contains(numbers[index]) && !state.isWrong
                ? InsertFailure(kind: .destination, code: 117, message: "Unknown field found", badRow: row)
                : InsertFailure(kind: .data, code: 27, message: "cannot parse", badRow: row)
        )
    }
}
