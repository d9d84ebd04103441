internal import ClickHouseWriter
internal import ServiceLifecycle
internal import Synchronization

/// The last ten minutes, a sample a second, so that who opens the page sees what came before.
final class StatusHistory: Service {
    /// At one moment.
    struct Sample: Encodable, Sendable {
        /// Seconds since the proxy started.
        var at: Double
        /// Not delivered yet.
        var depth: Int
        var written: Int
        var delivered: Int
    }

    static let limit = 600

    private let samples = Mutex<[Sample]>([])
    private let take: @Sendable () -> Sample

    /// - Parameter take: says how it is now; must not block.
    init(_ take: @escaping @Sendable () -> Sample) {
        self.take = take
    }

    /// From the oldest to the newest.
    var all: [Sample] { samples.withLock(\.self) }

    func sample() {
        let sample = take()
        samples.withLock { samples in
            if samples.count == Self.limit { samples.removeFirst() }
            samples.append(sample)
        }
    }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                self.sample()
                try await Task.sleep(for: .seconds(1))
            }
        }
        // It may have been cancelled instead, and a service that returns early would end the group.
        try? await gracefulShutdown()
    }
}
