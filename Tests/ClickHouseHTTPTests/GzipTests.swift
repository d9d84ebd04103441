@testable import ClickHouseHTTP
import Subprocess
import TestSupport
import Testing

@Suite(.bounded) struct GzipTests {
    private static let lines = Array(String(repeating: #"{"model":"echo","tokens":12}"# + "\n", count: 100_000).utf8)

    private static let incompressible: [UInt8] = {
        var generator = SystemRandomNumberGenerator()
        return (0..<1 << 20).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }()

    enum Body: CaseIterable {
        case empty, oneRow, manyRows, incompressible

        var bytes: [UInt8] {
            switch self {
            case .empty: []
            case .oneRow: Array("{}\n".utf8)
            case .manyRows: lines
            case .incompressible: GzipTests.incompressible
            }
        }
    }

    @Test(arguments: Body.allCases)
    func `gzip itself reads back what was compressed`(body: Body) async throws {
        let bytes = body.bytes
        let result = try await run(
            .name("gzip"),
            arguments: ["--decompress", "--stdout"],
            input: .array(try await Gzip.compress(bytes)),
            output: .bytes(limit: 1 << 24),
            error: .string(limit: 10_000)
        )
        #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
        #expect(result.standardOutput == bytes)
    }

    @Test func `rows shrink to a fraction, and noise hardly grows`() async throws {
        #expect(try await Gzip.compress(Self.lines).count < Self.lines.count / 10)
        #expect(try await Gzip.compress(Self.incompressible).count < Self.incompressible.count + 1_000)
    }
}
