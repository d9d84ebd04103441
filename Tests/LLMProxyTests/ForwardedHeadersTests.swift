import HTTPTypes
@testable import llm_proxy
import NIOHTTP1
import Testing

@Suite struct ForwardedHeadersTests {
    private func fields(_ pairs: [(String, String)]) throws -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in pairs { fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value)) }
        return fields
    }

    private func lines(_ headers: HTTPHeaders) -> [String] { headers.map { "\($0.name): \($0.value)" } }

    @Test func `all headers go to the provider but those of one connection`() throws {
        let sent = try fields([
            ("X-Custom", "1"), ("x-custom", "2"), ("OpenAI-Organization", "o"), ("Connection", "keep-alive, X-Hop"),
            ("x-hop", "3"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"), ("Transfer-Encoding", "chunked"),
            ("X-HTTP-Method-Override", "PUT"), ("x-method-override", "PUT"), ("X-HTTP-Method", "PUT"),
            ("X-Original-URL", "/"), ("X_Original_URL", "/"), ("X-Rewrite-URL", "/"), ("X-Forwarded-Uri", "/"),
            ("Upgrade", "h2c"), ("Proxy-Authorization", "Basic x"),
            ("Content-Length", "5"), ("Expect", "100-continue"),
            ("Accept-Encoding", "gzip"), ("Authorization", "Bearer mine"), ("User-Agent", "u"), ("Content-Type", "a/b"),
        ])
        #expect(
            lines(ForwardedHeaders.toProvider(sent, key: nil)) == [
                "X-Custom: 1", "x-custom: 2", "OpenAI-Organization: o", "Authorization: Bearer mine", "User-Agent: u",
                "Content-Type: a/b", "Accept-Encoding: identity",
            ]
        )
    }

    @Test func `the provider's key takes the place of every key of the client's`() throws {
        let sent = try fields([
            ("Authorization", "Bearer mine"), ("X-Api-Key", "mine"), ("api-key", "mine"), ("A", "b"),
        ])
        #expect(
            lines(ForwardedHeaders.toProvider(sent, key: "theirs")) == [
                "A: b", "Accept-Encoding: identity", "Authorization: Bearer theirs",
            ]
        )
    }

    @Test func `the client gets the provider's headers, and the request's id in the place of the provider's`() throws {
        let headers: HTTPHeaders = [
            "X-Request-Id": "req_1", "Retry-After": "7", "Set-Cookie": "a", "set-cookie": "b",
            "Connection": "close, x-hop", "X-Hop": "1", "Transfer-Encoding": "chunked", "Content-Length": "3",
            "x-ratelimit-remaining-tokens": "0",
        ]
        let fields = ForwardedHeaders.toClient(headers, requestID: "r")
        #expect(
            fields.map { "\($0.name.canonicalName): \($0.value)" } == [
                "x-provider-request-id: req_1", "retry-after: 7", "set-cookie: a", "set-cookie: b",
                "x-ratelimit-remaining-tokens: 0", "x-request-id: r",
            ]
        )
    }
}
