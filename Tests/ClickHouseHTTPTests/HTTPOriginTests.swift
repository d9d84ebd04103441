@testable import ClickHouseHTTP
import Testing

@Suite struct HTTPOriginTests {
    @Test(arguments: [
        ("http://up.test", "http up.test 80"), ("https://up.test", "https up.test 443"),
        ("http://127.0.0.1:8080/base", "http 127.0.0.1 8080"), ("https://[::1]:9", "https [::1] 9"),
    ])
    func `a server is what the client reads`(url: String, read: String) throws {
        let origin = try #require(HTTPOrigin(of: url))
        #expect("\(origin.scheme) \(origin.host) \(origin.port)" == read)
        #expect(try origin.request(to: url + "/v1/x?y").url == url + "/v1/x?y")
    }

    @Test(arguments: [
        "", "up.test", "ftp://up.test", "unix:///run/x", "http://",
        "http://127.0.0.1:99999",
        "http://[::1]:65536/", "http://up.test:-1", "http://up.test:33333333333333333333333333333333333333338",
    ])
    func `what is no server is none, and ends nothing`(url: String) {
        #expect(HTTPOrigin(of: url) == nil)
    }

    @Test(arguments: [
        "http://up.testing://[/v1/chat/completions", "http://up.test@evil.test/", "http://up.test:81/",
        "https://up.test/",
        "http://up.test.evil.test/", "http://up.test:@evil.test/", "http://evil.test/http://up.test/", "http://up.tes/",
        "http://up.test:33333333333333333333333333333333333333338",
        // Sent otherwise than it is written.
        "http://up.test/ x", "http://up.test/[", "http://up.test/%zz", "http://up.test/\u{e9}", "HTTP://up.test/[",
    ])
    func `a URL that leads elsewhere, or is repaired, becomes no request`(url: String) throws {
        let origin = try #require(HTTPOrigin(of: "http://up.test"))
        let error = #expect(throws: StrayURL.self) { try origin.request(to: url) }
        #expect(error?.description == "the request was not sent: its URL does not lead to http://up.test:80")
    }

    @Test func `two sockets are two servers`() throws {
        let origin = try #require(HTTPOrigin(of: "http+unix://%2Frun%2Fx"))
        #expect(try origin.request(to: "http+unix://%2Frun%2Fx/v1").url == "http+unix://%2Frun%2Fx/v1")
        #expect(throws: StrayURL.self) { try origin.request(to: "http+unix://%2Frun%2Fy/v1") }
    }

    @Test func `nothing is sent to ClickHouse when the URL leads to another server`() async throws {
        try await LoopbackServer.withServer { server in
            let origin = try #require(HTTPOrigin(of: "http://127.0.0.1:1"))
            let transport = AsyncHTTPTransport()
            let request = HTTPRequest(origin: origin, url: "http://127.0.0.1:\(server.port)/", headers: [], body: [])
            let failure = await #expect(throws: TransportFailure.self) {
                try await transport.send(request, timeout: .seconds(30))
            }
            #expect(failure?.isBeforeSending == true)
            #expect(failure?.message.contains("does not lead to http://127.0.0.1:1") == true)
            await transport.close()
        }
    }
}
