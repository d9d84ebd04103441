import AsyncHTTPClient
package import ClickHouseHTTP
import NIOCore
import NIOHTTP1
import NIOPosix

/// Whatever bytes a provider or ClickHouse answers with, and whenever: there is a response that HTTP knows, or an error,
/// before long, and the process lives.
///
/// Input: a byte that chooses the side and the time, and then the answer as it is sent. In it 0x00 ends a packet, and a
/// byte from 0x80 on stands for one of ``snippets``.
struct AnswerProperty {
    private let server: RawServer
    private let clickHouse = AsyncHTTPTransport()
    private let provider: HTTPClient

    /// Much longer than any of it takes.
    private static let limit = Duration.seconds(15)

    init(directory: String) async throws {
        server = try await RawServer.start(RawAnswer(""), socketPath: directory + "/answer")
        var configuration = HTTPClient.Configuration.guarded
        configuration.timeout.read = TimeAmount(Self.limit)
        configuration.timeout.write = TimeAmount(Self.limit)
        provider = HTTPClient(eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: configuration)
    }

    func close() async {
        await clickHouse.close()
        try? await provider.shutdown()
        await server.stop()
    }

    func check(_ input: [UInt8]) async throws {
        let choices = input.first ?? 0
        server.say(RawAnswer(parts: Self.parts(of: input.dropFirst()), isEarly: choices & 2 != 0))
        // One that does not fit into the socket's buffers is on its way when the answer comes.
        let body = [UInt8](repeating: 0x61, count: choices & 4 == 0 ? 10 : 1 << 20)
        if choices & 1 == 0 { try await askClickHouse(body) } else { try await askProvider(body) }
    }

    private func askClickHouse(_ body: [UInt8]) async throws {
        let request = try server.request(body)
        let response: HTTPResponse
        do throws(TransportFailure) {
            response = try await clickHouse.send(request, timeout: Self.limit)
        } catch {
            try require(!error.isBeforeSending, "\(error.message)")
            try require(!error.message.contains("no complete response"), "the answer's end was not noticed")
            try require(error.message.utf8.count < 500, "a long message: \(error.message)")
            return
        }
        try require(200...599 ~= response.status, "status \(response.status)")
        try require(response.body.count <= request.responseLimit, "\(response.body.count) bytes")
    }

    private func askProvider(_ body: [UInt8]) async throws {
        var request = HTTPClientRequest(url: server.url + "/v1/chat/completions")
        request.method = .POST
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await provider.execute(request, deadline: .distantFuture)
            try require(200...599 ~= response.status.code, "status \(response.status)")
            for try await _ in response.body {}
        } catch {
            if error is Violation { throw error }
            let isLate = [HTTPClientError.readTimeout, .writeTimeout].contains { error as? HTTPClientError == $0 }
            try require(!isLate, "the answer's end was not noticed")
        }
    }

    private static func parts(of input: ArraySlice<UInt8>) -> [[UInt8]] {
        input.split(separator: 0, maxSplits: 15).map { part in
            part.flatMap { byte in
                byte < 0x80 ? [byte] : Array(snippets[Int(byte - 0x80) % snippets.count].utf8)
            }
        }
    }

    /// What a mutation would hardly find.
    private static let snippets = [
        "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n",
        "HTTP/1.1 000 X\r\n", "HTTP/1.1 099 X\r\n", "HTTP/1.1 204 No Content\r\n", "HTTP/1.1 304 Not Modified\r\n",
        "HTTP/1.1 413 Too Large\r\n", "HTTP/1.1 500 X\r\n", "HTTP/1.1 999 X\r\n", "HTTP/1.0 200 OK\r\n",
        "HTTP/2.0 200 OK\r\n", "HTTP/1.1 ", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 600 X\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /\r\n",
        "Content-Length: 0\r\n", "Content-Length: 5\r\n", "Content-Length: 99999999999999999999\r\n",
        "Content-Length: -1\r\n", "Content-Length: 5, 5\r\n", "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: gzip\r\n", "Connection: close\r\n",
        "Connection: keep-alive\r\n", "Connection: upgrade\r\nUpgrade: websocket\r\n", "Connection: \r\n",
        "Content-Encoding: gzip\r\n", "Trailer: X\r\n", "\r\n", "\r\n\r\n", "\n", "\r", "5\r\nabcde\r\n", "0\r\n\r\n",
        "0\r\nX: y\r\n\r\n", "ffffffffffffffff\r\n", "fffffffffffffffff\r\n", "-1\r\n", "5;a=b\r\nabcde\r\n",
        "5;a=\"b\r\n\"\r\n", "abcde", ": ", ":\r\n", "X:\r\n", "X: \r\n y\r\n", " \r\n", "\u{0}", "\u{80}",
        "data: [DONE]\n\n", "X-ClickHouse-Exception-Code: 60\r\n",
        String(repeating: "X: y\r\n", count: 300), "X: " + String(repeating: "y", count: 90_000) + "\r\n",
        String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 40), String(repeating: "a", count: 70_000),
    ]
}

extension RawServer {
    /// A request to it with `body`.
    package func request(_ body: [UInt8]) throws(Violation) -> HTTPRequest {
        guard let origin = HTTPOrigin(of: url + "/") else { throw Violation("\(url) leads nowhere") }
        return HTTPRequest(origin: origin, url: url + "/", headers: [], body: body)
    }
}
