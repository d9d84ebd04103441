package import Testing

/// Runs a few tests at a time, and gives each a limit that begins when the test does.
///
/// Swift Testing starts all tests at once, and its own `timeLimit` counts from that moment. On a busy machine a test
/// would reach its limit while it waits for a thread.
package struct Bounded: SuiteTrait, TestTrait, TestScoping {
    let lanes: [Lane]

    /// In seconds that the test had a chance to use: see ``run(_:)``.
    let limit: Int

    package var isRecursive: Bool { true }

    @concurrent package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await enter(lanes[...], function)
    }

    private func enter(_ lanes: ArraySlice<Lane>, _ function: @concurrent @Sendable () async throws -> Void)
        async throws
    {
        guard let lane = lanes.first else { return try await run(function) }
        await lane.enter()
        defer { lane.leave() }
        try await enter(lanes.dropFirst(), function)
    }

    /// Ends the test when its limit is over.
    ///
    /// The limit is counted by a task that competes for the same threads as the test. Where the machine is so busy that
    /// a task waits a minute for a thread, the limit waits with it.
    private func run(_ function: @concurrent @Sendable () async throws -> Void) async throws {
        try await withoutActuallyEscaping(function) { function in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await function() }
                group.addTask {
                    for _ in 0..<limit { try await Task.sleep(for: .seconds(1)) }
                    throw LimitReached()
                }
                defer { group.cancelAll() }
                do {
                    try await group.next()
                } catch is LimitReached {
                    Issue.record("The test is not over after \(limit) s of its own")
                    group.cancelAll()
                    // What it throws when it is cancelled tells where it waited.
                    do { try await group.next() } catch { Issue.record("It waited here: \(error)") }
                }
            }
        }
    }

    private struct LimitReached: Error {}
}

extension Trait where Self == Bounded {
    /// For a suite that computes, or works on files.
    package static var bounded: Self { .bounded(seconds: 120) }

    package static func bounded(seconds limit: Int) -> Self {
        Bounded(lanes: [.all], limit: limit)
    }

    /// For a suite whose tests start processes or servers: of all such tests one runs for each processor.
    package static var startsProcesses: Self { .startsProcesses(seconds: 180) }

    package static func startsProcesses(seconds limit: Int) -> Self {
        Bounded(lanes: [.processes, .all], limit: limit)
    }

    /// For a suite that is `.serialized`: it begins with all others, so that it does not end long after them.
    package static func oneAtATime(seconds limit: Int) -> Self {
        Bounded(lanes: [], limit: limit)
    }
}
