internal import Foundation
internal import SQLiteSpool

/// The properties of what is fuzzed.
package struct FuzzProperties: Sendable {
    private let record: RecordProperty
    private let spool: SpoolProperty
    private let answer: AnswerProperty

    /// - Parameter directory: an empty one, where spools are made.
    package init(directory: String) async throws {
        record = RecordProperty(
            spool: try Spool(SpoolConfiguration(path: directory + "/records", durability: .processCrash))
        )
        spool = SpoolProperty(samples: try await SpoolImage.samples(in: directory), directory: directory)
        answer = try await AnswerProperty(directory: directory)
    }

    package func close() async {
        await record.spool.close()
        await answer.close()
    }

    /// Checks a target's property on one input. One at a time.
    ///
    /// - Throws: ``Violation``, or what the code under test threw where it may not.
    package func check(_ target: FuzzTarget, _ input: [UInt8]) async throws {
        switch target {
        case .answer: try await answer.check(input)
        case .response: try checkResponse(input)
        case .row: try checkRow(input)
        case .record: try await record.check(input)
        case .spool: try await spool.check(input)
        case .keys: try checkKeys(input)
        case .target: try checkTarget(input)
        }
    }
}
