import Foundation
import FuzzProperties
import TestSupport
import Testing

/// The properties that `Tests/Fuzzing/run` looks for exceptions to, on its corpus and on as many inputs as an ordinary
/// test run has time for: always the same ones.
@Suite(.bounded) struct FuzzTests {
    @Test(arguments: [(FuzzTarget.response, 2_000), (.row, 2_000), (.record, 200), (.spool, 60)])
    func `no input breaks the property`(target: FuzzTarget, inputs: Int) async throws {
        let corpus = try corpus(of: target)
        try #require(!corpus.isEmpty)
        try await withTemporaryDirectory { directory in
            let properties = try await FuzzProperties(directory: directory)
            var generator = SeededBytes(seed: 1, known: corpus.map { [UInt8]($0) })
            for input in corpus.map({ [UInt8]($0) }) + (0..<inputs).map({ _ in generator.nextInput() }) {
                let error = await violation { try await properties.check(target, input) }
                try #require(error == nil, "\(Data(input).base64EncodedString()): \(error ?? "")")
            }
            await properties.close()
        }
    }

    private func violation(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func corpus(of target: FuzzTarget) throws -> [Data] {
        let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fuzzing/Corpus/\(target.rawValue)")
        return try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }.map { try Data(contentsOf: $0) }
    }
}

/// A strict parser that takes anything would prove nothing.
@Suite(.bounded) struct StrictJSONTests {
    @Test(arguments: [
        "", " 1", "1 ", "01", "-", "1.", ".5", "1e", "+1", "NaN", "nul", "\"", "\"\n\"", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud800x\"", "[1,]", "[1 ,2]", "{", "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{a:1}", "{\"a\"}", "1,2", "'a'",
    ])
    func `what is not JSON, or not one thing only, is refused`(text: String) {
        #expect(throws: Violation.self) { try StrictJSON(Array(text.utf8)) }
    }

    @Test func `a string that is not UTF-8 is refused`() {
        #expect(throws: Violation.self) { try StrictJSON([0x22, 0xff, 0x22]) }
        #expect(throws: Violation.self) { try StrictJSON([0x22, 0xed, 0xa0, 0x80, 0x22]) }
    }

    @Test func `what is JSON is read`() throws {
        guard
            case .object(let fields) = try StrictJSON(
                Array(#"{"a":[-0.5e+3,null,true],"\ud83e\udda9\n":"\u0000"}"#.utf8)
            ),
            case .array(let elements) = fields[Array("a".utf8)], case .number("-0.5e+3") = elements[0],
            case .string([0]) = fields[Array("🦩\n".utf8)]
        else { Issue.record("read otherwise"); return }
        #expect(elements.count == 3)
    }
}
