@testable import SQLiteSpool
import Testing

@Suite struct GatherPolicyTests {
    private let slow = Duration.microseconds(300)

    @Test func `after a slow commit it waits for all that were let go and all that wait`() {
        var policy = GatherPolicy()
        #expect(policy.wait == nil)
        policy.didCommit(work: 32, waiting: 32, in: slow)
        #expect(policy.wait == GatherPolicy.Wait(work: 64, limit: .microseconds(150)))
        policy.didCommit(work: 64, waiting: 0, in: .milliseconds(5))
        #expect(policy.wait == GatherPolicy.Wait(work: 64, limit: .microseconds(500)))
    }

    @Test(arguments: [(1, 0, 300), (32, 32, 99), (1_001, 1_000, 300), (0, 1, 300)])
    func `a lone task, a fast commit and a full group are not waited for`(work: Int, waiting: Int, microseconds: Int) {
        var policy = GatherPolicy()
        policy.didCommit(work: work, waiting: waiting, in: .microseconds(microseconds))
        #expect(policy.wait == nil)
    }

    @Test func `waits in vain become rare, and frequent again once one was not`() {
        var policy = GatherPolicy()
        /// Groups without a wait before the next one with a wait.
        func groupsUntilNextWait() -> Int {
            var groups = 0
            repeat {
                policy.didCommit(work: 1, waiting: 1, in: slow)
                groups += 1
            } while policy.wait == nil
            return groups - 1
        }
        _ = groupsUntilNextWait()
        #expect((0..<8).map { _ in groupsUntilNextWait() } == [1, 3, 7, 15, 31, 63, 63, 63])
        policy.didCommit(work: 2, waiting: 0, in: slow)
        #expect(policy.wait != nil)
        #expect(groupsUntilNextWait() == 1)
    }
}
