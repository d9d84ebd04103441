import Foundation
import HTTPTypes
import NIOCore
@testable import llm_proxy
import Testing

@Suite struct RequestIdentityTests {
    private func headers(_ pairs: [String: String]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in pairs {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return fields
    }

    @Test func `ids are taken from the headers`() throws {
        let uuid = "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"
        let identity = try RequestIdentity(
            headers(["X-Request-Id": "abc", "X-Org-Id": uuid, "X-Agent-Id": uuid.uppercased(), "X-Session-Id": uuid])
        )
        #expect(identity.requestID == "abc")
        for id in [identity.orgID, identity.agentID, try #require(identity.sessionID)] {
            #expect(id == UUID(uuidString: uuid))
        }
    }

    @Test func `what is absent is made or zero`() throws {
        let identity = try RequestIdentity(HTTPFields())
        #expect(UUID(uuidString: identity.requestID) != nil)
        #expect(identity.orgID == RequestIdentity.zero)
        #expect(identity.agentID == RequestIdentity.zero)
        #expect(identity.sessionID == nil)
        #expect(try RequestIdentity(HTTPFields()).requestID != identity.requestID)
    }

    @Test(arguments: [
        ("X-Org-Id", "x"), ("X-Agent-Id", ""), ("X-Session-Id", "3f2b6c1e0b0a4f6e9d5a0a1b2c3d4e5f"),
        ("X-Request-Id", "two words"), ("X-Request-Id", String(repeating: "x", count: 201)), ("X-Request-Id", "ü"),
    ])
    func `what is wrong is refused by the header's name`(name: String, value: String) {
        let error = #expect(throws: RequestIdentity.Invalid.self) { try RequestIdentity(headers([name: value])) }
        #expect(error?.message.contains(name) == true)
    }
}

@Suite struct UsageObserverTests {
    private let expected = UsageObserver.Usage(promptTokens: 3, completionTokens: 4, totalTokens: 7)

    private func observe(_ text: String, isStreaming: Bool, pieces: Int) -> UsageObserver.Usage? {
        var observer = UsageObserver(isStreaming: isStreaming)
        var rest = ByteBuffer(string: text)
        while let piece = rest.readSlice(length: min(pieces, rest.readableBytes)), piece.readableBytes > 0 {
            observer.observe(piece)
        }
        observer.finish()
        return observer.usage
    }

    @Test(arguments: [1, 2, 7, 1_000])
    func `the usage is found however the bytes are cut`(pieces: Int) {
        let usage = #"{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#
        let plain = #"{"choices":[{"message":{"content":"ü"}}],"usage":\#(usage)}"#
        #expect(observe(plain, isStreaming: false, pieces: pieces) == expected)
        let stream = """
            data: {"choices":[{"delta":{"content":"ü"}}],"usage":null}\r
            \r
            data: {"choices":[],"usage":\(usage)}

            data: [DONE]


            """
        #expect(observe(stream, isStreaming: true, pieces: pieces) == expected)
    }

    @Test func `an event that is too long hides no other, and the last needs no line end`() {
        var observer = UsageObserver(isStreaming: true, limit: 100)
        observer.observe(ByteBuffer(string: "data: {\"usage\":\"\(String(repeating: "x", count: 80))"))
        observer.observe(ByteBuffer(string: "\(String(repeating: "x", count: 80))\"}\n"))
        observer.observe(
            ByteBuffer(string: #"data: {"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#)
        )
        observer.finish()
        #expect(observer.usage == expected)
    }

    @Test(arguments: ["", "not json", "{}", #"{"usage":"none"}"#, "data: {\"usage\"", "data: \"usage\"\n"])
    func `what has no usage has none`(text: String) {
        for isStreaming in [true, false] { #expect(observe(text, isStreaming: isStreaming, pieces: 3) == nil) }
    }
}

@Suite struct TraceDraftTests {
    @Test(arguments: [
        (Duration.zero, UInt32(0)), (.microseconds(1_499), 1), (.microseconds(1_501), 2),
        (.seconds(4_294_967), 4_294_967_000),
        (.seconds(5_000_000), .max), (.seconds(-1), 0),
    ])
    func `a latency ends at the column's maximum instead of wrapping`(duration: Duration, milliseconds: UInt32) {
        #expect(TraceDraft.milliseconds(duration) == milliseconds)
    }
}
