@testable import llm_proxy
import NIOCore
import Testing

@Suite struct RequestJSONTests {
    private func request(_ text: String) throws -> RequestJSON {
        try #require(RequestJSON(ByteBuffer(string: text)))
    }

    @Test func `model and stream are read, and only as what they are`() throws {
        let streamed = try request(#"{"model":"m","stream":true,"messages":[]}"#)
        #expect(streamed.model == "m" && streamed.isStreaming == true)
        let plain = try request(#"{"model":"m","stream":null}"#)
        #expect(plain.isStreaming == false)
        let wrong = try request(#"{"model":3,"stream":"yes"}"#)
        #expect(wrong.model == nil && wrong.isStreaming == nil)
        #expect(RequestJSON(ByteBuffer(string: "[]")) == nil)
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
        let edited = try request(text).adding(usage: true, directive: nil)
        #expect(String(buffer: edited) == expected)
        #expect(try #require(RequestJSON(edited)).asksForUsage)
    }

    @Test(arguments: [
        (#"{"messages":[]}"#, #"{"messages":[D]}"#), (#"{"messages": [ ]}"#, #"{"messages": [D ]}"#),
        (#"{"messages":[{"role":"user"}],"x":1e5}"#, #"{"messages":[D,{"role":"user"}],"x":1e5}"#),
        (#"{"messages":"none"}"#, #"{"messages":"none"}"#), (#"{"x":1}"#, #"{"x":1}"#),
    ])
    func `a directive comes before all other messages`(text: String, expected: String) throws {
        let directive = SystemDirective("Be \"brief\".\nü")
        #expect(directive.message == #"{"content":"Be \"brief\".\nü","role":"system"}"#)
        let edited = try request(text).adding(usage: false, directive: directive.message)
        #expect(String(buffer: edited) == expected.replacing("D", with: directive.message))
    }

    @Test func `both can be added, in whatever order they stand`() throws {
        let edited = try request(#"{"messages":[],"stream_options":{}}"#).adding(usage: true, directive: "D")
        #expect(String(buffer: edited) == #"{"messages":[D],"stream_options":{"include_usage":true}}"#)
    }
}
