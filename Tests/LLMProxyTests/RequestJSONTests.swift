@testable import llm_proxy
import NIOCore
import Testing

@Suite struct RequestJSONTests {
    private func request(_ text: String) throws -> RequestJSON {
        var json = RequestJSON()
        for byte in text.utf8 { try json.scan(ByteBuffer(bytes: [byte])) }
        try #require(json.isObject)
        return json
    }

    /// With what the proxy adds.
    private func edit(_ text: String, usage: Bool, directive: ByteBuffer?) throws -> String {
        let edits = try request(text).edits(usage: usage, directive: directive)
        let pieces = text.utf8.map { ByteBuffer(bytes: [$0]) }
        let edited = JSONEdit.apply(edits, to: pieces).map { String(buffer: $0) }.joined()
        #expect(JSONEdit.apply(edits, to: [ByteBuffer(string: text)]).map { String(buffer: $0) }.joined() == edited)
        return edited
    }

    @Test func `model and stream are read, and only as what they are`() throws {
        let streamed = try request(#"{"model":"m","stream":true,"messages":[]}"#)
        #expect(streamed.model == "m" && streamed.isStreaming == true)
        let plain = try request(#"{"model":"m","stream":null}"#)
        #expect(plain.isStreaming == false)
        let wrong = try request(#"{"model":3,"stream":"yes"}"#)
        #expect(wrong.model == nil && wrong.isStreaming == nil)
        var list = RequestJSON()
        try list.scan(ByteBuffer(string: "[]"))
        #expect(!list.isObject)
        let escaped = try request(#"{"m\u006fdel":"\u006d","str\u0065am":true}"#)
        #expect(escaped.model == "m" && escaped.isStreaming == true)
        let long = try request(#"{"model":"\#(String(repeating: "x", count: 5_000))"}"#)
        #expect(long.model == nil && long.isModelCut)
    }

    @Test(arguments: [
        (#"{"stream_options":{"include_usage":true}}"#, true), (#"{"stream_options":{"include_usage": false}}"#, false),
        (#"{"stream_options":{}}"#, false), (#"{"stream_options":null}"#, false), ("{}", false),
        (#"{"stream_options":{"include_usage":1}}"#, false),
    ])
    func `whether the client asks for the usage is known`(text: String, asks: Bool) throws {
        #expect(try request(text).asksForUsage == asks)
    }

    @Test(arguments: [
        ("{}", #"{"stream_options":{"include_usage":true}}"#),
        (
            #"{ "temperature": 0.1, "n": 12345678901234567890 }"#,
            #"{"stream_options":{"include_usage":true}, "temperature": 0.1, "n": 12345678901234567890 }"#
        ),
        (#"{"a":1,"stream_options": null ,"b":2}"#, #"{"a":1,"stream_options": {"include_usage":true} ,"b":2}"#),
        (#"{"stream_options":{"include_usage": false }}"#, #"{"stream_options":{"include_usage": true }}"#),
        (#"{"stream_options":{ "x":1}}"#, #"{"stream_options":{"include_usage":true, "x":1}}"#),
        (#"{"stream_options":{}}"#, #"{"stream_options":{"include_usage":true}}"#),
    ])
    func `asking for the usage leaves every other byte as it is`(text: String, expected: String) throws {
        let edited = try edit(text, usage: true, directive: nil)
        #expect(edited == expected)
        #expect(try request(edited).asksForUsage)
    }

    @Test(arguments: [
        (#"{"messages":[]}"#, #"{"messages":[D]}"#), (#"{"messages": [ ]}"#, #"{"messages": [D ]}"#),
        (#"{"messages":[{"role":"user"}],"x":1e5}"#, #"{"messages":[D,{"role":"user"}],"x":1e5}"#),
        (#"{"messages":"none"}"#, #"{"messages":"none"}"#), (#"{"x":1}"#, #"{"x":1}"#),
    ])
    func `a directive comes before all other messages`(text: String, expected: String) throws {
        let directive = SystemDirective("Be \"brief\".\nü")
        let message = String(buffer: directive.message)
        #expect(message == #"{"content":"Be \"brief\".\nü","role":"system"}"#)
        let edited = try edit(text, usage: false, directive: directive.message)
        #expect(edited == expected.replacing("D", with: message))
    }

    @Test func `both can be added, in whatever order they stand`() throws {
        let directive = ByteBuffer(string: "D")
        let edited = try edit(#"{"messages":[],"stream_options":{}}"#, usage: true, directive: directive)
        #expect(edited == #"{"messages":[D],"stream_options":{"include_usage":true}}"#)
    }
}
