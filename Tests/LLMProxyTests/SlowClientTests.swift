import HTTPTypes
@testable import llm_proxy
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Synchronization
import TestSupport
import Testing

/// Who is hung up on for being slow, on a clock of the tests' own.
@Suite(.bounded) struct SlowClientTests {
    private final class Connection {
        let channel: EmbeddedChannel
        private let pending = SharedCount()

        init(timeout: Duration = .seconds(75), minRate: Int = 1_024) throws {
            let limits = ClientLimits(timeout: timeout, minRate: minRate)
            channel = EmbeddedChannel(handler: SlowClientHandler(limits: limits) { [pending] _ in pending.value })
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            channel.read()
        }

        func send(_ parts: HTTPRequestPart...) throws {
            for part in parts { channel.pipeline.fireChannelRead(part) }
            channel.pipeline.fireChannelReadComplete()
            channel.read()
        }

        /// What waits for the client.
        func wait(_ bytes: Int) {
            pending.value = bytes
            channel.isWritable = bytes < 16 << 10
            channel.pipeline.fireChannelWritabilityChanged()
        }

        func write(_ bytes: Int) throws {
            try channel.writeOutbound(HTTPResponsePart.body(ByteBuffer(repeating: 1, count: bytes)))
        }

        func pass(seconds: Int64) { channel.embeddedEventLoop.advanceTime(by: .seconds(seconds)) }
    }

    private final class SharedCount: Sendable {
        private let count = Mutex(0)
        var value: Int {
            get { count.withLock(\.self) }
            set { count.withLock { $0 = newValue } }
        }
    }

    private static func head(length: Int? = nil, expect: String? = nil) -> HTTPRequestPart {
        var fields = HTTPFields()
        fields[.contentLength] = length.map { "\($0)" }
        fields[.expect] = expect
        return .head(HTTPRequest(method: .post, scheme: "http", authority: "h", path: "/", headerFields: fields))
    }

    private static func body(_ bytes: Int) -> HTTPRequestPart { .body(ByteBuffer(repeating: 1, count: bytes)) }

    private static let ok = HTTPResponsePart.head(HTTPResponse(status: .ok))

    @Test func `a body that drips is cut within a minute, and one that comes at the least rate is not`() throws {
        let slow = try Connection()
        try slow.send(Self.head())
        for _ in 0..<60 where slow.channel.isActive {
            try slow.send(Self.body(1_000))
            slow.pass(seconds: 1)
        }
        #expect(!slow.channel.isActive)
        let steady = try Connection()
        try steady.send(Self.head())
        for _ in 0..<300 {
            try steady.send(Self.body(1_100))
            steady.pass(seconds: 1)
        }
        #expect(steady.channel.isActive)
        try steady.send(.end(nil))
        steady.pass(seconds: 300)
        #expect(steady.channel.isActive, "how long the answer takes is not the client's fault")
    }

    @Test func `a quick beginning does not make up for a drip`() throws {
        let connection = try Connection()
        try connection.send(Self.head(), Self.body(8 << 20))
        for _ in 0..<90 where connection.channel.isActive {
            try connection.send(Self.body(1))
            connection.pass(seconds: 1)
        }
        #expect(!connection.channel.isActive)
    }

    @Test func `a body that reserves much must be whole within ten minutes`() throws {
        let connection = try Connection()
        try connection.send(Self.head(length: 64 << 20))
        for _ in 0..<60 where connection.channel.isActive {
            try connection.send(Self.body(50_000))
            connection.pass(seconds: 1)
        }
        #expect(!connection.channel.isActive)
        let quick = try Connection()
        try quick.send(Self.head(length: 64 << 20))
        for _ in 0..<300 {
            try quick.send(Self.body(120_000))
            quick.pass(seconds: 1)
        }
        #expect(quick.channel.isActive)
    }

    @Test func `a client is not blamed while the proxy does not read`() throws {
        let connection = try Connection()
        connection.channel.pipeline.fireChannelRead(Self.head())
        connection.channel.pipeline.fireChannelReadComplete()
        connection.pass(seconds: 600)
        #expect(connection.channel.isActive)
        connection.channel.read()
        connection.pass(seconds: 61)
        #expect(!connection.channel.isActive)
    }

    @Test func `a reader that takes a little each time is cut`() throws {
        let connection = try Connection()
        try connection.channel.writeOutbound(Self.ok)
        // Each second it takes just enough for the proxy to write on, and no more.
        var pending = 16 << 10
        connection.wait(pending)
        for _ in 0..<60 where connection.channel.isActive {
            pending -= 500
            connection.wait(pending)
            try connection.write(500)
            pending += 500
            connection.wait(pending)
            connection.pass(seconds: 1)
        }
        #expect(!connection.channel.isActive)
    }

    @Test func `a reader at the least rate is not cut`() throws {
        let connection = try Connection()
        try connection.channel.writeOutbound(Self.ok)
        connection.wait(16 << 10)
        for _ in 0..<300 {
            try connection.write(1_100)
            connection.pass(seconds: 1)
        }
        #expect(connection.channel.isActive)
    }

    @Test func `a stream that is slow because the provider is slow is never cut`() throws {
        let connection = try Connection()
        try connection.channel.writeOutbound(Self.ok)
        for _ in 0..<1_000 {
            try connection.write(10)
            connection.pass(seconds: 10)
        }
        // A burst that the client takes at once, then nothing for long.
        try connection.write(100_000)
        connection.wait(100_000)
        connection.wait(0)
        connection.pass(seconds: 3_600)
        #expect(connection.channel.isActive)
    }

    @Test func `a client that takes nothing is cut after its timeout, where that is less than the window`() throws {
        let connection = try Connection(timeout: .seconds(2))
        try connection.channel.writeOutbound(Self.ok)
        connection.wait(16 << 10)
        connection.pass(seconds: 3)
        #expect(!connection.channel.isActive)
    }

    @Test func `a client that waited for 100 Continue in vain is hung up on, and told so`() throws {
        let connection = try Connection()
        try connection.send(Self.head(length: 100, expect: "100-continue"))
        try connection.channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .unauthorized)))
        guard case .head(let head) = try connection.channel.readOutbound(as: HTTPResponsePart.self) else {
            Issue.record("there is no head")
            return
        }
        #expect(head.headerFields[.connection] == "close")
        try connection.channel.writeOutbound(HTTPResponsePart.end(nil))
        #expect(!connection.channel.isActive)
    }

    @Test func `the rest of a request that is refused may take half a minute, however fast it comes`() throws {
        let connection = try Connection()
        try connection.send(Self.head(), Self.body(1_000))
        try connection.channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .contentTooLarge)))
        try connection.channel.writeOutbound(HTTPResponsePart.end(nil))
        for _ in 0..<29 {
            try connection.send(Self.body(10 << 20))
            connection.pass(seconds: 1)
        }
        #expect(connection.channel.isActive)
        for _ in 0..<3 where connection.channel.isActive {
            try connection.send(Self.body(10 << 20))
            connection.pass(seconds: 1)
        }
        #expect(!connection.channel.isActive)
    }
}
