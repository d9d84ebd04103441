import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct CommitQueueTests {
    @Test func `work ends a wait for it, whether the thread still looks for it or sleeps`() async throws {
        let queue = CommitQueue()
        let writing = Task { try await queue.append(.one(Payload(Array("{}".utf8)))) }
        try await waitUntil { queue.work >= 1 }
        queue.wait(until: .now + .seconds(60))
        take(from: queue)
        try await writing.value

        let thread = Thread {
            queue.wait(until: .now + .seconds(60))
            take(from: queue)
        }
        thread.start()
        try await waitUntil { queue.threadSleeps }
        try await queue.append(.one(Payload(Array("{}".utf8))))
    }

    @Test func `a lone task wakes the thread after a wait in vain`() async throws {
        let queue = CommitQueue()
        queue.wait(until: .now)
        let thread = Thread { take(from: queue) }
        thread.start()
        try await waitUntil { queue.threadSleeps }
        try await queue.append(.one(Payload(Array("{}".utf8))))
    }
}

/// Waits for a group as the commit thread does, and lets its tasks go on.
private func take(from queue: CommitQueue) {
    guard case .commit(let group) = queue.next(gathering: nil, quietPeriod: nil) else { return }
    for append in group.appends { append.completion.resume(with: .success(())) }
}
