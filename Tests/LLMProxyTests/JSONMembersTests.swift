import Foundation
@testable import llm_proxy
import NIOCore
import TestSupport
import Testing

@Suite(.bounded) struct JSONMembersTests {
    /// The members' values as they stand in the text.
    private func values(_ text: String) -> [String: String]? {
        let buffer = ByteBuffer(string: text)
        guard let members = JSONMembers(buffer) else { return nil }
        var values: [String: String] = [:]
        for member in members.all {
            values[member.name] = buffer.getString(at: member.value.lowerBound, length: member.value.count)
        }
        return values
    }

    @Test(
        arguments: [
            ("{}", [:]), (" {\n} ", [:]),
            (#"{"a":1}"#, ["a": "1"]),
            (#"{ "a" : [1, {"a": "]}"}] , "b":null }"#, ["a": #"[1, {"a": "]}"}]"#, "b": "null"]),
            (#"{"b":"x\"}" }"#, ["b": #""x\"}""#]),
            (#"{"a":1,"a":2}"#, ["a": "2"]), (#"{"\u0061":1e-7}"#, ["a": "1e-7"]), (#"{"ü":"\\"}"#, ["ü": #""\\""#]),
        ] as [(String, [String: String])]
    )
    func `each value is where it stands`(text: String, expected: [String: String]) {
        #expect(values(text) == expected)
    }

    @Test(arguments: [
        "", "[]", "1", "{", #"{"a"}"#, #"{"a":}"#, #"{"a":1"#, #"{"a":1,}"#, #"{"a":1}x"#, #"{"a":"x}"#, #"{"a":[1}"#,
        #"{a:1}"#, #"{"a":"\"#, #"{"a":1}{"#, #"{"a" 1}"#,
    ])
    func `what is no object is refused`(text: String) {
        #expect(values(text) == nil)
    }

    @Test func `whatever the bytes are, it ends within them, and finds what Foundation finds`() throws {
        var random = SeededRandom(7)
        let alphabet = Array(#"{}[]":,\ 1ae"#.utf8)
        var objects = 0
        for _ in 0..<20_000 {
            var bytes = Array(#"{"a":"#.utf8)
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                bytes.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
            }
            if Bool.random(using: &random) { bytes.append(UInt8(ascii: "}")) }
            let members = JSONMembers(ByteBuffer(bytes: bytes))
            let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
            let text = String(decoding: bytes, as: UTF8.self)
            // Foundation lets a comma be the last.
            guard let object, !text.hasSuffix(",}") else { continue }
            objects += 1
            #expect(members.map { Set($0.all.map(\.name)) } == Set(object.keys), "\(text)")
        }
        #expect(objects > 100)
    }
}
