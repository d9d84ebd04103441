import ClickHouseWriter
@testable import spoolctl
import Testing

@Suite struct DrainConfigurationTests {
    private func prepared(
        batchSize: Int = 10_000,
        _ change: (inout BatchWriterConfiguration) -> Void = { _ in }
    ) -> BatchWriterConfiguration {
        var configuration = BatchWriterConfiguration(spoolPath: "/s", urls: ["http://localhost:8123"], table: "t")
        change(&configuration)
        configuration.prepareForDrain(batchSize: batchSize, inFlight: 2)
        return configuration
    }

    @Test(arguments: [(100, 10_000, 100), (100, 10, 10), (20_000, 10_000, 10_000)])
    func `batches start as large as asked for, and shrink to the writer's own at the least`(
        usual: Int,
        batchSize: Int,
        least: Int
    ) throws {
        let configuration = prepared(batchSize: batchSize) { $0.maxBatchSize = usual }
        try configuration.validate()
        #expect(configuration.catchUpBatchSize == batchSize)
        #expect(configuration.isCatchingUp)
        #expect(configuration.maxBatchSize == least)
        #expect(configuration.maxInFlight == 2)
    }

    @Test(arguments: [Duration.milliseconds(50), .seconds(30), .seconds(3_600)])
    func `ending waits for as long as a request may take`(requestTimeout: Duration) throws {
        let configuration = prepared { $0.requestTimeout = requestTimeout }
        try configuration.validate()
        // What close keeps for itself is a tenth.
        #expect(configuration.shutdownTimeout * 0.9 > requestTimeout)
    }

    @Test func `the longest request timeout that there is makes no setting invalid`() throws {
        try prepared { $0.requestTimeout = .seconds(8_760 * 3_600) }.validate()
    }

    @Test func `nothing is given up, whatever the writer would do`() {
        let configuration = prepared { ($0.maxAge, $0.whenFull) = (.seconds(60), .dropOldest) }
        #expect(configuration.maxAge == nil)
        #expect(configuration.whenFull == .reject)
    }
}
