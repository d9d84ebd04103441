@testable import ClickHouseHTTP
import NIOSSL
import TestSupport
import Testing

/// https:// against a server on a real socket.
@Suite(.startsProcesses) struct TLSTests {
    /// One request over a new connection. nil is a response of status 200.
    private func send(_ files: TLSFiles, _ server: LoopbackServer) async throws -> TransportFailure? {
        let transport = try AsyncHTTPTransport(tls: files)
        let request = HTTPRequest(url: "https://127.0.0.1:\(server.port)/", headers: [], body: Array("{}\n".utf8))
        var failure: TransportFailure?
        do throws(TransportFailure) {
            let response = try await transport.send(request, timeout: .seconds(30))
            #expect(response.status == 200)
        } catch {
            failure = error
        }
        await transport.close()
        return failure
    }

    @Test func `a server whose certificate comes from the given CA is trusted`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await LoopbackServer.withServer(tls: certificates.serverConfiguration()) { server in
                let failure = try await send(TLSFiles(caFile: certificates.certificate("ca")), server)
                #expect(failure == nil)
            }
        }
    }

    @Test func `a self-signed certificate is its own CA`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await certificates.make("lonely", "subjectAltName=IP:127.0.0.1")
            try await LoopbackServer.withServer(tls: certificates.serverConfiguration("lonely")) { server in
                let failure = try await send(TLSFiles(caFile: certificates.certificate("lonely")), server)
                #expect(failure == nil)
            }
        }
    }

    @Test func `another CA's server is not trusted, nor without a CA file`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await certificates.makeCA("other")
            try await LoopbackServer.withServer(tls: certificates.serverConfiguration()) { server in
                for files in [TLSFiles(caFile: certificates.certificate("other")), TLSFiles()] {
                    let failure = try #require(try await send(files, server))
                    #expect(failure.message.hasPrefix("cannot connect to 127.0.0.1:\(server.port): "))
                    #expect(failure.message.contains("certificate is not trusted"))
                    #expect(failure.isBeforeSending)
                }
            }
        }
    }

    @Test(arguments: ["DNS:elsewhere.example", "IP:127.0.0.2"])
    func `a trusted certificate for another host is refused`(name: String) async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await certificates.make("elsewhere", issuer: "ca", "subjectAltName=\(name)")
            try await LoopbackServer.withServer(tls: certificates.serverConfiguration("elsewhere")) { server in
                let files = TLSFiles(caFile: certificates.certificate("ca"))
                let failure = try #require(try await send(files, server))
                #expect(failure.message.contains("for another host name or address"))
                #expect(failure.isBeforeSending)
            }
        }
    }

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13])
    func `a client certificate is shown where one is required`(version: TLSVersion) async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await certificates.makeCA("other")
            try await certificates.make("client", issuer: "ca")
            try await certificates.make("stranger", issuer: "other")
            var configuration = try certificates.serverConfiguration()
            configuration.maximumTLSVersion = version
            configuration.trustRoots = .file(certificates.certificate("ca"))
            configuration.certificateVerification = .noHostnameVerification
            try await LoopbackServer.withServer(tls: configuration) { server in
                var files = TLSFiles(caFile: certificates.certificate("ca"))
                let without = try #require(try await send(files, server))
                // In TLS 1.3 the client is done before the server refuses, and has sent its request by then.
                #expect(without.isBeforeSending == (version == .tlsv12))
                if without.isBeforeSending { #expect(without.message.contains("require a client certificate")) }
                files.certificateFile = certificates.certificate("stranger")
                files.keyFile = certificates.key("stranger")
                let stranger = try #require(try await send(files, server))
                #expect(stranger.isBeforeSending == (version == .tlsv12))
                if stranger.isBeforeSending { #expect(stranger.message.contains("refuses our client certificate")) }
                files.certificateFile = certificates.certificate("client")
                files.keyFile = certificates.key("client")
                let failure = try await send(files, server)
                #expect(failure == nil)
            }
        }
    }

    @Test func `a server for http is said to be one`() async throws {
        try await LoopbackServer.withServer { server in
            let failure = try #require(try await send(TLSFiles(), server))
            #expect(failure.message.contains("does not speak TLS; is its port one for http://?"))
            #expect(failure.isBeforeSending)
        }
    }

    @Test func `a server that hangs up in the handshake was sent nothing`() async throws {
        try await LoopbackServer.withServer(.cutsAtOnce) { server in
            let failure = try #require(try await send(TLSFiles(), server))
            #expect(failure.message.contains("closed the connection during the TLS handshake"))
            #expect(failure.isBeforeSending)
        }
    }
}
