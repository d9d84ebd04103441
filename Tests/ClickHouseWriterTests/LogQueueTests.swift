@testable import ClickHouseWriter
import Dispatch
import Synchronization
import Testing

@Suite(.bounded) struct LogQueueTests {
    @Test func `a line that is not read holds up nobody, and what found no room is counted`() async {
        let queue = LogQueue()
        let written = Mutex<[Int]>([])
        let reader = DispatchSemaphore(value: 0)
        let (counts, said) = AsyncStream.makeStream(of: Int.self)
        for line in 0..<LogQueue.room + 5 {
            queue.add {
                if line == 0 { reader.wait() }
                written.withLock { $0.append(line) }
            } sayDropped: {
                said.yield($0)
            }
        }
        #expect(written.withLock(\.self).isEmpty)
        reader.signal()
        var iterator = counts.makeAsyncIterator()
        #expect(await iterator.next() == 5)
        // The thread is free again: what is logged now is written before the end.
        queue.add({ written.withLock { $0.append(-1) } }, sayDropped: { _ in })
        while !queue.finish() {}
        #expect(written.withLock(\.self) == Array(0..<LogQueue.room) + [-1])
    }
}
