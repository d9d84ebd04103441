@testable import llm_proxy
import NIOCore
import NIOHTTP1
import Testing

@Suite struct ResponseObserverTests {
    private func observe(_ text: String, _ headers: HTTPHeaders, pieces: Int = 7) -> ResponseObserver {
        var observer = ResponseObserver(headers, hidesUsage: false)
        var rest = ByteBuffer(string: text)
        while let piece = rest.readSlice(length: min(pieces, rest.readableBytes)), piece.readableBytes > 0 {
            #expect(observer.pass(piece) == piece)
        }
        #expect(observer.finish().readableBytes == 0)
        return observer
    }

    @Test(arguments: [1, 2, 7, 1_000])
    func `the usage is found however the bytes are cut`(pieces: Int) {
        let usage = #"{"prompt_tokens":3,"completion_tokens":4}"#
        let text = #"{"model":"m","choices":[{"message":{"content":"ü"}}],"usage":\#(usage)}"#
        let observer = observe(text, ["content-type": "application/json; charset=utf-8"], pieces: pieces)
        #expect(observer.summary.usage == Usage(input: 3, output: 4))
        #expect(observer.summary.usage?.total == 7)
        #expect(observer.summary.model == "m")
    }

    @Test func `the usage behind an answer of any length is found`() {
        var observer = ResponseObserver(["content-type": "application/json"], hidesUsage: false)
        _ = observer.pass(ByteBuffer(string: #"{"data":""#))
        let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)
        for _ in 0..<144 { #expect(observer.pass(piece) == piece) }
        _ = observer.pass(ByteBuffer(string: #"","model":"m","usage":{"prompt_tokens":3}}"#))
        #expect(observer.summary.usage?.input == 3 && observer.summary.model == "m")
    }

    @Test func `what is compressed or of another type is not looked into`() {
        let text = #"{"usage":{"prompt_tokens":3}}"#
        #expect(observe(text, ["content-type": "application/json", "content-encoding": "gzip"]).summary.usage == nil)
        #expect(observe(text, ["content-type": "audio/mpeg"]).summary.usage == nil)
        #expect(observe(text, [:]).summary.usage == nil)
        #expect(observe("data: \(text)\n\n", ["content-type": "text/event-stream"]).summary.usage?.input == 3)
    }

    @Test(arguments: ["", "not json", "{}", #"{"usage":"none"}"#, #"{"usage":null}"#, "[]"])
    func `what has no usage has none`(text: String) {
        #expect(observe(text, ["content-type": "application/json"]).summary.usage == nil)
    }

    @Test func `a count that is none takes no other with it`() {
        let text = #"{"usage":{"prompt_tokens":-1,"completion_tokens":4,"total_tokens":4294967296}}"#
        #expect(observe(text, ["content-type": "application/json"]).summary.usage == Usage(input: nil, output: 4))
        #expect(Usage(input: .max, output: 2).total == .max)
    }
}
