import Foundation
import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

@Suite(.bounded) struct DeadLetterScreenTests {
    private func table(_ path: String, limit: Int = 20) throws -> LetterTable {
        let reader = try SpoolReader(path: path)
        return LetterTable(
            groups: try reader.deadLetterGroups(),
            letters: try reader.deadLetters(limit: limit, newestFirst: true),
            total: try reader.countDeadLetters(.all)
        )
    }

    @Test func `the table has the codes, then a line for each dead letter, the newest first`() async throws {
        try await withLetterSpool { path in
            let lines = try table(path).text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count == 7)
            #expect(lines[0].hasPrefix("code 27: 2 dead letters, "))
            #expect(lines[1].hasPrefix("code 33: 1 dead letter, "))
            #expect(lines[3].hasPrefix("ID  DEAD SINCE"))
            #expect(lines.suffix(3).map { $0.prefix(1) } == ["3", "2", "1"])
            #expect(
                lines[6].hasSuffix(#"  27    1         cannot parse \u{1B}[31m(at row 1)  {"n":0,"text":"a \"b\""}"#)
            )
            let cut = try table(path, limit: 1).text
            #expect(cut.hasSuffix("\n\nthe newest 1 of 3; more with -n"))
        }
    }

    @Test func `the JSON has groups and letters, and the rows as they are`() async throws {
        try await withLetterSpool { path in
            let line = String(decoding: try table(path, limit: 1).document.line, as: UTF8.self)
            let document = try object(line)
            #expect(document["dead_letters"] as? Int == 3)
            #expect((document["by_code"] as? [[String: Any]])?.map { $0["count"] as? Int } == [2, 1])
            let letter = try #require((document["letters"] as? [[String: Any]])?.first)
            #expect(letter["id"] as? Int == 3)
            #expect(letter["code"] as? Int == 33)
            #expect(letter["attempts"] as? Int == 1)
            #expect((letter["row"] as? [String: Any])?["text"] as? String == "a \"b\"")
            #expect(line.contains(#""row":{"n":2,"text":"a \"b\""}"#))
        }
    }

    @Test func `one dead letter is shown whole, readable and exact`() async throws {
        try await withLetterSpool { path in
            let letter = try #require(try SpoolReader(path: path).deadLetters(.ids([1]), limit: 1).first)
            let text = LetterScreen(letter).text
            #expect(text.contains("message      cannot parse\n             \\u{1B}[31m(at row 1)\n"))
            #expect(text.contains("row          {\n  \"n\": 0,\n  \"text\": \"a \\\"b\\\"\"\n}\n"))
            #expect(text.contains("exact        {\"n\":0,\"text\":\"a \\\"b\\\"\"}\n"))
        }
    }

    @Test func `a row that was damaged is text, and said`() async throws {
        try await withLetterSpool { path in
            try damage(path, "UPDATE dead_letters SET payload = '{\"n\":' || char(27) WHERE id = 1")
            let letter = try #require(try SpoolReader(path: path).deadLetters(.ids([1]), limit: 1).first)
            #expect(LetterScreen(letter).text.contains("requeuing    not the row that was written, and never sent"))
            let document = try object(String(decoding: JSONObject(letter).line, as: UTF8.self))
            #expect(document["row"] is NSNull)
            #expect(document["payload"] as? String == "{\"n\":\u{1b}")
            #expect(document["obstacle"] as? String == "not_a_row")
        }
    }

    @Test(arguments: [
        ("{}", "{}"), ("{\"a\":[]}", "{\n  \"a\": []\n}"),
        (
            "{\"a\":18446744073709551615,\"b\":[1.10,{\"c\":\"{,:\\\"}\"}]}",
            "{\n  \"a\": 18446744073709551615,\n  \"b\": [\n    1.10,\n    {\n      \"c\": \"{,:\\\"}\"\n    }\n  ]\n}"
        ),
        ("{ \"a\" : [ ] , \"b\\\\\" : \"\\\\\" }", "{\n  \"a\": [],\n  \"b\\\\\": \"\\\\\"\n}"),
    ])
    func `JSON is laid out without a change of its values`(json: String, pretty: String) {
        #expect(PrettyJSON(json).text == pretty)
    }

    /// U+0308 makes one character of itself and the quote before it.
    @Test func `no text of a client's is taken for brackets`() {
        let json = "{\"model\":\"\u{308}}}}}\"}"
        #expect(PrettyJSON(json).text == "{\n  \"model\": \"\u{308}}}}}\"\n}")
    }

    @Test func `what is deep takes no memory for its place`() {
        let depth = 1_000
        let numbers = repeatElement("0", count: 10_000).joined(separator: ",")
        let json = String(repeating: "[", count: depth) + numbers + String(repeating: "]", count: depth)
        #expect(PrettyJSON(json).text.utf8.count < 100 * json.utf8.count)
    }

    @Test(
        arguments: [
            ([], .some(.all)), (["1", "2"], .some(.ids([1, 2]))), (["--code", "27"], .some(.code(27))),
            (["--code", "none"], .some(.code(nil))), (["1", "--all"], nil), (["--code", "x"], nil),
        ] as [([String], LetterSelection?)]
    )
    func `dead letters are chosen in one way at a time`(arguments: [String], selection: LetterSelection?) {
        let choice = try? LetterChoice.parse(arguments)
        #expect(choice.map { $0.selection ?? .all } == selection)
    }
}
