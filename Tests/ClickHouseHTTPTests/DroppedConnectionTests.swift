@testable import ClickHouseHTTP
import TestSupport
import Testing

/// Servers and proxies drop idle connections, some sooner than we do.
@Suite(.startsProcesses) struct DroppedConnectionTests {
    private func request(_ scheme: String, _ server: LoopbackServer) throws -> HTTPRequest {
        let url = "\(scheme)://127.0.0.1:\(server.port)/"
        let origin = try #require(HTTPOrigin(of: url))
        return HTTPRequest(origin: origin, url: url, headers: [], body: Array("{}\n".utf8))
    }

    @Test func `a connection that is dropped under a request leaves its outcome unknown`() async throws {
        try await LoopbackServer.withServer(.cutsEverySecondRequest) { server in
            let transport = AsyncHTTPTransport()
            for _ in 0..<20 {
                let first = try await transport.send(request("http", server), timeout: .seconds(30))
                #expect(first.status == 200)
                let failure = await #expect(throws: TransportFailure.self) {
                    try await transport.send(request("http", server), timeout: .seconds(30))
                }
                #expect(failure?.message.hasPrefix("the connection failed: ") == true)
                #expect(failure?.isBeforeSending == false)
            }
            await transport.close()
        }
    }

    @Test func `a response that breaks off is none`() async throws {
        try await LoopbackServer.withServer(.cutsResponse) { server in
            let transport = AsyncHTTPTransport()
            let failure = await #expect(throws: TransportFailure.self) {
                try await transport.send(request("http", server), timeout: .seconds(30))
            }
            #expect(failure?.isBeforeSending == false)
            await transport.close()
        }
    }

    @Test func `a response without an end is read to the limit and no further`() async throws {
        try await LoopbackServer.withServer(.neverEnds) { server in
            let transport = AsyncHTTPTransport()
            let response = try await transport.send(request("http", server), timeout: .seconds(30))
            #expect(response.body.count == 64 << 10)
            let classifier = ResponseClassifier(queryID: "ours", expected: .absent, credentials: nil)
            #expect(classifier.classify(response) != .accepted)
            await transport.close()
        }
    }

    @Test(arguments: ["http", "https"])
    func `connections that are dropped after each response cost failures to be retried, and nothing else`(
        scheme: String
    ) async throws {
        try await TestCertificates.withServerCertificate { certificates in
            let tls = scheme == "https" ? try certificates.serverConfiguration() : nil
            try await LoopbackServer.withServer(tls: tls, .cutsAfterResponse) { server in
                let transport = try AsyncHTTPTransport(tls: TLSFiles(caFile: certificates.certificate("ca")))
                var answered = 0
                // Whether the next request still takes the dying connection is a race, so there are many.
                let request = try request(scheme, server)
                for _ in 0..<300 {
                    do throws(TransportFailure) {
                        let response = try await transport.send(request, timeout: .seconds(30))
                        answered += response.status == 200 ? 1 : 0
                    } catch {
                        #expect(error.message.hasPrefix("the connection failed: "))
                        #expect(!error.isBeforeSending)
                    }
                }
                #expect(answered >= 30, "the dead connection is not taken again and again")
                await transport.close()
            }
        }
    }
}
