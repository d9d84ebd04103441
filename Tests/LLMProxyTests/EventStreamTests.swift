@testable import llm_proxy
import NIOCore
import Testing

@Suite struct EventStreamTests {
    private static let usage = #"{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#
    private static let first = #"data: {"choices":[{"delta":{"content":"ü \"usage\": {"}}],"usage":null}"# + "\n\n"
    private static let usageEvent = #"data: {"choices":[],"usage":\#(usage)}"# + "\n\n"
    private static let done = "data: [DONE]\n\n"

    private struct Passed {
        var text = ""
        var stream: EventStream
        /// How much had been passed on after each piece.
        var lengths: [Int] = []
    }

    private func pass(_ text: String, pieces: Int, hidesUsage: Bool, limit: Int = 32 << 10) -> Passed {
        var passed = Passed(stream: EventStream(hidesUsage: hidesUsage, limit: limit))
        var rest = ByteBuffer(string: text)
        var bytes = ByteBuffer()
        while let piece = rest.readSlice(length: min(pieces, rest.readableBytes)), piece.readableBytes > 0 {
            bytes.writeImmutableBuffer(passed.stream.pass(piece))
            passed.lengths.append(bytes.readableBytes)
        }
        bytes.writeImmutableBuffer(passed.stream.finish())
        passed.text = String(buffer: bytes)
        return passed
    }

    @Test(arguments: [1, 2, 7, 1_000])
    func `the event that only tells the usage is taken out, and no other byte`(pieces: Int) {
        for newline in ["\n", "\r\n"] {
            let lines = { (text: String) in text.replacing("\n", with: newline) }
            let whole = lines(Self.first + ": a comment\n\n" + Self.usageEvent + Self.done)
            let hidden = pass(whole, pieces: pieces, hidesUsage: true)
            #expect(hidden.text == lines(Self.first + ": a comment\n\n" + Self.done))
            let shown = pass(whole, pieces: pieces, hidesUsage: false)
            #expect(shown.text == whole)
            for passed in [hidden, shown] {
                #expect(passed.stream.usage == Usage(input: 3, output: 4, total: 7))
                #expect(passed.stream.isDone && !passed.stream.isError)
            }
        }
    }

    @Test func `bytes go on as they arrive, or at the end of their event where one is to be taken out`() {
        let whole = Self.first + Self.done
        let shown = pass(whole, pieces: 1, hidesUsage: false)
        #expect(shown.lengths == Array(1...whole.utf8.count))
        let hidden = pass(whole, pieces: 1, hidesUsage: true)
        #expect(Set(hidden.lengths) == [0, Self.first.utf8.count, whole.utf8.count])
    }

    @Test func `a usage that comes with a choice is passed on`() {
        let event = #"data: {"choices":[{"finish_reason":"stop"}],"usage":\#(Self.usage)}"# + "\n\n"
        let passed = pass(event, pieces: 5, hidesUsage: true)
        #expect(passed.text == event)
        #expect(passed.stream.usage?.total == 7)
        #expect(!passed.stream.isDone)
    }

    @Test(arguments: [1, 16, 1_000])
    func `an event that is too long does not wait for its end, and hides no other`(pieces: Int) {
        let long = "data: {\"usage\":{\"prompt_tokens\":9},\"x\":\"\(String(repeating: "x", count: 300))\"}\n\n"
        let passed = pass(long + Self.usageEvent + Self.done, pieces: pieces, hidesUsage: true, limit: 100)
        #expect(passed.text == long + Self.done)
        #expect(passed.stream.usage?.input == 3)
    }

    @Test func `of an event of megabytes at most 32 KiB wait, and its usage is read`() throws {
        var stream = EventStream(hidesUsage: true)
        let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 16 << 10)
        let start = ByteBuffer(string: #"data: {"type":"response.completed","response":{"output":""#)
        var (sent, passed) = (start.readableBytes, stream.pass(start).readableBytes)
        for _ in 0..<128 {
            sent += piece.readableBytes
            passed += stream.pass(piece).readableBytes
            #expect(sent - passed <= 32 << 10)
        }
        _ = stream.pass(ByteBuffer(string: "\",\"usage\":{\"input_tokens\":5}}}\n\n"))
        #expect(stream.usage?.input == 5)
        #expect(stream.pass(ByteBuffer(string: Self.usageEvent)).readableBytes == 0, "it is hidden after it")
    }

    @Test(arguments: [
        String(repeating: "[", count: 1_000_000), "{\"usage\":{" + String(repeating: "{", count: 1_000),
        "{" + (0..<5_000).map { #""\#($0)":1"# }.joined(separator: ",") + #","usage":{"prompt_tokens":1}}"#,
        #"{"usage":{"prompt_tokens":"# + String(repeating: "9", count: 1_000_000) + "}}", #""\u12"#,
    ])
    func `an event that no provider sends is passed on, and harms none after it`(data: String) {
        let passed = pass("data: \(data)\n\n" + Self.usageEvent, pieces: 16 << 10, hidesUsage: true)
        #expect(passed.text == "data: \(data)\n\n")
        #expect(passed.stream.usage == Usage(input: 3, output: 4, total: 7))
    }

    @Test func `what has no end is passed on, and read`() {
        let passed = pass("data: [DONE]", pieces: 4, hidesUsage: true)
        #expect(passed.text == "data: [DONE]")
        #expect(passed.stream.isDone)
    }

    @Test(arguments: [
        (#"data: {"error":{"message":"overloaded"}}"#, true), (#"data: {"error":null}"#, false),
        (#"data: {"response":{"error":{"code":"x"}}}"#, true), (#"data: {"choices":[{"x":{"error":{}}}]}"#, false),
        ("event: error", false),
    ])
    func `an error in the middle is one of the response, not of what is in it`(line: String, isError: Bool) {
        #expect(pass(line + "\n\n", pieces: 9, hidesUsage: false).stream.isError == isError)
    }

    @Test func `the Responses API and Anthropic's put it elsewhere`() {
        let usage = #"{"input_tokens":5,"output_tokens":6,"total_tokens":11}"#
        let responses = #"data: {"type":"response.completed","response":{"model":"m","usage":\#(usage)}}"#
        let first = pass(responses + "\n\n", pieces: 50, hidesUsage: false).stream
        #expect(first.usage == Usage(input: 5, output: 6, total: 11))
        #expect(first.model == "m")
        let messages = """
            data: {"type":"message_start","message":{"model":"c","usage":{"input_tokens":25,"output_tokens":1}}}

            data: {"type":"message_delta","usage":{"output_tokens":15}}


            """
        let second = pass(messages, pieces: 50, hidesUsage: false).stream
        #expect(second.usage == Usage(input: 25, output: 15))
        #expect(second.usage?.total == 40)
    }
}
