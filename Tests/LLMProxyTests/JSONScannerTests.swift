import Foundation
@testable import llm_proxy
import NIOCore
import TestSupport
import Testing

@Suite(.bounded) struct JSONScannerTests {
    private static let names = JSONNames(["a", "b", "ü", "o", "o.x", "o.y"])

    private func scan(_ bytes: [UInt8], pieces: Int) -> JSONScanner {
        var scanner = JSONScanner(Self.names)
        var rest = ByteBuffer(bytes: bytes)
        while let piece = rest.readSlice(length: min(pieces, rest.readableBytes)), piece.readableBytes > 0 {
            try? scanner.scan(piece)
        }
        return scanner
    }

    /// The members' values as they stand in the text.
    private func values(_ text: String, pieces: Int = 3) -> [String: String]? {
        let scanner = scan(Array(text.utf8), pieces: pieces)
        guard scanner.isComplete else { return nil }
        var values: [String: String] = [:]
        for path in ["a", "b", "ü", "o", "o.x", "o.y"] {
            values[path] = scanner[path].flatMap { ByteBuffer(string: text).getString(at: $0.range) }
        }
        return values
    }

    @Test(
        arguments: [
            ("{}", [:]), (" {\n} ", [:]), (#"{"other":{"a":1}}"#, [:]),
            (#"{"a":1}"#, ["a": "1"]),
            (#"{ "a" : [1, {"a": "]}"}] , "b":null }"#, ["a": #"[1, {"a": "]}"}]"#, "b": "null"]),
            (#"{"b":"x\"}" }"#, ["b": #""x\"}""#]),
            (#"{"a":1,"a":2}"#, ["a": "2"]), (#"{"\u0061":1e-7}"#, ["a": "1e-7"]), (#"{"b":"\\"}"#, ["b": #""\\""#]),
            (
                #"{"o":{"x":1, "\u0079" : {"x":2} }}"#,
                ["o": #"{"x":1, "\u0079" : {"x":2} }"#, "o.x": "1", "o.y": #"{"x":2}"#]
            ),
            (#"{"o":{"x":1},"o":{"y":2}}"#, ["o": #"{"y":2}"#, "o.y": "2"]), (#"{"o":{"x":1},"o":0}"#, ["o": "0"]),
            (#"{"\ud83d\ude00":1,"\/\b\f\n\r\t\"":2,"\\u0061":3}"#, [:]),
        ] as [(String, [String: String])]
    )
    func `each value is where it stands, however the text is cut`(text: String, expected: [String: String]) {
        for pieces in [1, 2, 5, 1_000] { #expect(values(text, pieces: pieces) == expected) }
    }

    @Test(arguments: [
        (#"{"a":1,"b":{"a":2},"c":1,"c":2}"#, false), (#"{"o":{"x":1,"X2":2,"a":1},"A1":1}"#, false),
        (#"{"a":1,"a":2}"#, true), (#"{"A":1}"#, true), (#"{"o":{"x":1,"X":2}}"#, true), (#"{"\u0041":1}"#, true),
        (#"{"o":{"x":1,"\u0078":2}}"#, true), (#"{"meſſages":1}"#, true),
    ])
    func `members that parsers may take for each other are noticed`(text: String, isAmbiguous: Bool) {
        for pieces in [1, 1_000] {
            #expect(scan(Array(text.utf8), pieces: pieces).isAmbiguous == isAmbiguous)
        }
    }

    @Test(arguments: [
        "", "[]", "1", "{", #"{"a"}"#, #"{"a":}"#, #"{"a":1"#, #"{"a":1,}"#, #"{"a":1}x"#, #"{"a":"x}"#, #"{"a":[1}"#,
        #"{a:1}"#, #"{"a":"\"#, #"{"a":1}{"#, #"{"a" 1}"#, #"{"a":[1}]}"#, #"{"\x":1}"#, #"{"\u00":1}"#,
        #"{"\ud83d":1}"#, #"{"\ude00":1}"#, #"{"\ud83dx":1}"#, "{\"a\nb\":1}", #"{,"a":1}"#, #"{"o":{"x":1,}}"#,
    ])
    func `what is no object is refused`(text: String) {
        for pieces in [1, 1_000] { #expect(values(text, pieces: pieces) == nil) }
    }

    @Test func `whatever the bytes are, it ends within them, and finds what Foundation finds`() throws {
        var random = SeededRandom(7)
        let alphabet = Array(#"{}[]":,\ 1abo"#.utf8)
        var objects = 0
        for _ in 0..<20_000 {
            var bytes = Array(#"{"a":"#.utf8)
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                bytes.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
            }
            if Bool.random(using: &random) { bytes.append(UInt8(ascii: "}")) }
            let scanner = scan(bytes, pieces: Int.random(in: 1...4, using: &random))
            let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
            let text = String(decoding: bytes, as: UTF8.self)
            // Foundation lets a comma be the last.
            guard let object, !text.replacing(" ", with: "").hasSuffix(",}") else { continue }
            objects += 1
            #expect(scanner.isComplete, "\(text)")
            for name in ["a", "b", "o"] { #expect((scanner[name] != nil) == (object[name] != nil), "\(text)") }
        }
        #expect(objects > 100)
    }

    @Test(
        arguments: [
            (#""m\u0061\n""#, "ma\n"), (#""ü""#, "ü"), (#""\ud83d\ude00""#, "😀"), ("\"a\nb\"", nil),
            (#""\ud83d""#, nil),
            ("1", nil), (#"["a"]"#, nil), ("\"\(String(repeating: "x", count: 5_000))\"", nil),
        ] as [(String, String?)]
    )
    func `a text is what Foundation decodes, and nothing when it is long`(value: String, text: String?) {
        #expect(scan(Array(#"{"a":\#(value)}"#.utf8), pieces: 7)["a"]?.string == text)
    }

    @Test func `a depth of 512 is read, and no greater one`() {
        func problem(depth: Int) -> JSONScanner.Problem? {
            var scanner = JSONScanner(Self.names)
            let nested =
                String(repeating: #"[{"x":"#, count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)
            do throws(JSONScanner.Problem) {
                try scanner.scan(ByteBuffer(string: #"{"c":["# + nested + "]}"))
                #expect(scanner.isComplete)
                return nil
            } catch {
                return error
            }
        }
        #expect(problem(depth: 510) == nil)
        #expect(problem(depth: 512) == .tooDeep)
        #expect(problem(depth: 1_000_000) == .tooDeep)
    }

    @Test func `1,024 members are read, and no more`() {
        func problem(_ count: Int) -> JSONScanner.Problem? {
            var scanner = JSONScanner(Self.names)
            let members = (0..<count).map { #""\#($0)":1"# }.joined(separator: ",")
            do throws(JSONScanner.Problem) {
                try scanner.scan(ByteBuffer(string: "{\(members)}"))
                return nil
            } catch {
                return error
            }
        }
        #expect(problem(1_024) == nil)
        #expect(problem(1_025) == .tooManyMembers)
    }

    @Test func `a value keeps 4 KiB of a text of megabytes`() throws {
        var scanner = JSONScanner(Self.names)
        try scanner.scan(ByteBuffer(string: #"{"a":""#))
        for _ in 0..<64 { try scanner.scan(ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)) }
        try scanner.scan(ByteBuffer(string: #"","b":true}"#))
        let value = try #require(scanner["a"])
        #expect(value.isCut && value.text.count == 4_096 && value.range.count == (64 * 64 << 10) + 2)
        #expect(scanner["b"]?.bool == true)
    }
}

extension ByteBuffer {
    fileprivate func getString(at range: Range<Int>) -> String? {
        getString(at: range.lowerBound, length: range.count)
    }
}
