import Foundation
@testable import SQLiteSpool
import Testing

@Suite(.timeLimit(.minutes(1))) struct CommitQueueTests {
    @Test func `a lone task wakes the thread, also after enough had come at once for a group that was waited for`()
        async throws
    {
        let queue = CommitQueue()
        let writing = Task { try await queue.append(.one(Payload(Array("{}".utf8)))) }
        while queue.work < 1 { await Task.yield() }
        queue.wait(for: 1, until: .now + .seconds(60))
        // There was no need to sleep. As there is none here, and then there is.
        take(from: queue)
        let others = (0..<4).map { _ in Task { try await queue.append(.one(Payload(Array("{}".utf8)))) } }
        while queue.work < 4 { await Task.yield() }
        queue.wait(for: 4, until: .now + .seconds(60))
        take(from: queue)
        let thread = Thread { take(from: queue) }
        thread.start()
        while !queue.threadSleeps { await Task.yield() }
        try await queue.append(.one(Payload(Array("{}".utf8))))
        for task in others + [writing] { try await task.value }
    }
}

/// Waits for a group as the commit thread does, and lets its tasks go on.
private func take(from queue: CommitQueue) {
    guard case .commit(let group) = queue.next(gathering: nil, quietPeriod: nil) else { return }
    for append in group.appends { append.completion.resume(with: .success(())) }
}
