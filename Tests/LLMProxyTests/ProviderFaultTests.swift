import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import struct ClickHouseHTTP.Redaction
@testable import llm_proxy
import NIOCore
import NIOHTTP1
import Testing

@Suite struct ProviderFaultTests {
    private func respond(
        _ status: HTTPResponseStatus,
        _ headers: HTTPHeaders,
        _ body: String?,
        requestID: String = "r1",
        key: String? = nil
    ) async throws -> (response: Response, text: String) {
        let fault = ProviderFault(
            status: status,
            headers: headers,
            body: body.map { ByteBuffer(string: $0) },
            redaction: key.map { Redaction(of: $0) }
        )
        let response = fault.response(requestID: requestID)
        let writer = CollectingWriter()
        try await response.body.write(writer)
        return (response, String(buffer: writer.collected.value))
    }

    @Test func `an error in OpenAI's shape keeps every byte, and gets the request's id`() async throws {
        let body = #"{ "error": {"message": "Slow down", "type":"requests", "code": "rate_limit_exceeded", "x": 1e-7}}"#
        let headers: HTTPHeaders = ["Content-Type": "application/json", "Retry-After": "7"]
        let (response, text) = try await respond(.tooManyRequests, headers, body)
        #expect(text == #"{"request_id":"r1","# + body.dropFirst())
        #expect(response.status == .tooManyRequests)
        #expect(response.headers[.retryAfter] == "7")
        #expect(response.headers[.xRequestID] == "r1")
        let other = #"{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"req_9"}"#
        #expect(try await respond(.badRequest, headers, other).text == other.replacing("req_9", with: "r1"))
        let quoted = try await respond(.badRequest, headers, other, requestID: #"a"\"#).text
        #expect(quoted == other.replacing("req_9", with: #"a\"\\"#))
    }

    @Test(
        arguments: [
            ("text/html", "<html>502 Bad Gateway: nginx</html>", false),
            ("application/json", #"{"detail":"no such model"}"#, true),
            ("text/plain", "no such model", true), ("application/json", #"{"error":"no such model"}"#, true),
            ("application/json", nil, false), ("application/json", "", false),
        ] as [(String, String?, Bool)]
    )
    func `another body is replaced, and what is for people is quoted`(
        type: String,
        body: String?,
        isQuoted: Bool
    ) async throws {
        let headers: HTTPHeaders = ["Content-Type": type, "Content-Length": "\(body?.utf8.count ?? 0)"]
        let (response, text) = try await respond(.internalServerError, headers, body)
        #expect(text.contains("no such model") == isQuoted)
        #expect(!text.contains("nginx"))
        #expect(text.contains(#""code":"provider_status_500""#) && text.contains(#""type":"api_error""#))
        #expect(text.contains(#""request_id":"r1""#))
        #expect(response.headers[.contentType] == "application/json")
        #expect(response.headers[.contentLength] == "\(text.utf8.count)")
    }

    @Test func `a long text is cut, and what is compressed is passed on as it is`() async throws {
        let long = String(repeating: "ü", count: 5_000)
        let (_, text) = try await respond(.badRequest, ["Content-Type": "text/plain"], long)
        #expect(text.count { $0 == "ü" } == 1_000)
        let compressed = try await respond(.badRequest, ["Content-Encoding": "gzip"], "bytes")
        #expect(compressed.text == "bytes")
        #expect(compressed.response.headers[.contentEncoding] == "gzip")
    }

    private static let ownKey = "sk-proj-Ab3dEf9hIj"

    @Test(
        arguments: [
            "Incorrect API key provided: sk-proj-Ab3dEf9hIj.", "Incorrect API key provided: sk-proj-**********9hIj.",
            "key=sk%2Dproj%2DAb3dEf9hIj", "Bearer c2stcHJvai1BYjNkRWY5aElq", #"\u0073\u006b-proj-Ab3dEf9hIj"#,
        ],
        [HTTPResponseStatus.unauthorized, .forbidden, .badRequest, .internalServerError]
    )
    func `an error that repeats the proxy's key reaches the client without it`(
        said: String,
        status: HTTPResponseStatus
    ) async throws {
        let shaped = #"{"error":{"message":"\#(said)","code":"invalid_api_key"}}"#
        for (type, body) in [("application/json", shaped), ("application/json", "[\(said)]"), ("text/plain", said)] {
            let headers: HTTPHeaders = ["Content-Type": type, "X-Debug": "authorization: \(said)"]
            let (response, text) = try await respond(status, headers, body, key: Self.ownKey)
            for shown in [text] + response.headers.map(\.value) {
                for part in ["sk-", "sk%2D", "Ab3d", "9hIj", "c2st", "u0073"] {
                    #expect(!shown.contains(part), "\(shown)")
                }
            }
            #expect(response.status.code == Int(status.code))
            #expect(text.contains(#""request_id":"r1""#))
        }
    }

    @Test func `a 401 about the proxy's key is in the proxy's words, and one about the client's in the provider's`()
        async throws
    {
        let body = #"{"error":{"message":"Incorrect API key provided"}}"#
        let headers: HTTPHeaders = ["Content-Type": "application/json"]
        let own = try await respond(.unauthorized, headers, body, key: Self.ownKey).text
        #expect(own.contains("The provider refused the API key of the proxy"))
        #expect(!own.contains("Incorrect"))
        #expect(try await respond(.unauthorized, headers, body).text.contains("Incorrect API key provided"))
    }

    @Test func `what is compressed may hold the proxy's key, and does not go on`() async throws {
        let (response, text) = try await respond(.badRequest, ["Content-Encoding": "gzip"], "bytes", key: Self.ownKey)
        #expect(!text.contains("bytes"))
        #expect(response.headers[.contentEncoding] == nil)
    }
}

@Suite struct ProviderErrorTests {
    @Test(
        arguments: [
            (HTTPClientError.readTimeout, ProviderError.timeout), (HTTPClientError.writeTimeout, .timeout),
            (HTTPClientError.connectTimeout, .unreachable), (HTTPClientError.remoteConnectionClosed, .aborted),
            (HTTPClientError.cancelled, .cancelled), (CancellationError(), .cancelled),
            (IOError(errnoCode: ECONNREFUSED, reason: "connect"), .unreachable),
            (IOError(errnoCode: ECONNRESET, reason: "read"), .aborted),
            (ChannelError.connectTimeout(.seconds(1)), .unreachable),
            (ChannelError.eof, .aborted), (ProviderError.tls, .tls), (HTTPParserError.invalidEOFState, .aborted),
            (HTTPParserError.invalidChunkSize, .invalidResponse),
            (NIOHTTPDecoderError.unsolicitedResponse, .invalidResponse),
        ] as [(any Error, ProviderError)]
    )
    func `whatever the client throws has one meaning`(error: any Error, meaning: ProviderError) {
        #expect(ProviderError(error) == meaning)
    }

    @Test func `what the client is told has the trace's code`() {
        let all: [(ProviderError, Int)] = [
            (.unreachable, 502), (.timeout, 504), (.aborted, 502), (.invalidResponse, 502), (.tls, 502),
            (.cancelled, 499),
        ]
        for (error, status) in all {
            #expect(error.answer.code == error.code)
            #expect(error.answer.status.code == status)
        }
    }
}

/// Keeps what is written.
private struct CollectingWriter: ResponseBodyWriter {
    final class Collected: @unchecked Sendable {
        var value = ByteBuffer()
    }

    let collected = Collected()

    mutating func write(_ buffer: ByteBuffer) async throws { collected.value.writeImmutableBuffer(buffer) }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
