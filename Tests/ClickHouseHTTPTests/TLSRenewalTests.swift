@testable import ClickHouseHTTP
import Foundation
import NIOSSL
import Synchronization
import TestSupport
import Testing

/// Files that change while connections are made with them.
@Suite(.startsProcesses(seconds: 300)) struct TLSRenewalTests {
    /// A clock that a test moves on, and what was told.
    private final class Scene: Sendable {
        private let offset = Mutex(Duration.zero)
        private let told = Mutex<[TLSNews]>([])
        private let start = ContinuousClock.now

        var now: ContinuousClock.Instant { start.advanced(by: offset.withLock(\.self)) }
        var renewals: Int { told.withLock { $0.count { if case .renewed = $0 { true } else { false } } } }
        var reasons: [String] {
            told.withLock { $0.compactMap { if case .kept(let reason) = $0 { reason } else { nil } } }
        }

        func advance(by duration: Duration) { offset.withLock { $0 += duration } }
        func tell(_ news: TLSNews) { told.withLock { $0.append(news) } }

        func transport(_ files: TLSFiles) throws -> AsyncHTTPTransport {
            try AsyncHTTPTransport(tls: files, now: { self.now }, onNews: { self.tell($0) })
        }
    }

    private func copy(_ from: String, to path: String) throws {
        try Data(contentsOf: URL(filePath: from)).write(to: URL(filePath: path), options: .atomic)
    }

    private func isAnswered(_ transport: AsyncHTTPTransport, _ server: LoopbackServer) async -> Bool {
        let url = "https://127.0.0.1:\(server.port)/"
        guard let origin = HTTPOrigin(of: url) else { return false }
        let request = HTTPRequest(origin: origin, url: url, headers: [], body: Array("{}\n".utf8))
        return (try? await transport.send(request, timeout: .seconds(60)).status) == 200
    }

    @Test func `a CA file that is replaced counts at once after a failure, and else from the next look`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await certificates.makeCA("other")
            let path = certificates.directory + "/trusted.pem"
            try copy(certificates.certificate("other"), to: path)
            try await LoopbackServer.withServer(tls: certificates.serverConfiguration()) { server in
                let scene = Scene()
                let transport = try scene.transport(TLSFiles(caFile: path))
                for _ in 0..<2 { #expect(await !isAnswered(transport, server)) }
                #expect(scene.renewals == 0, "nothing has changed")
                try copy(certificates.certificate("ca"), to: path)
                #expect(await isAnswered(transport, server))
                #expect(scene.renewals == 1 && scene.reasons.isEmpty)
                // While all is well it is looked at 10 s after the last time.
                try copy(certificates.certificate("other"), to: path)
                scene.advance(by: .milliseconds(9_999))
                #expect(await isAnswered(transport, server))
                scene.advance(by: .milliseconds(1))
                #expect(await !isAnswered(transport, server))
                try copy(certificates.certificate("ca"), to: path)
                #expect(await isAnswered(transport, server))
                // What is no longer trusted is not asked over a connection from before.
                try copy(certificates.certificate("other"), to: path)
                await transport.rereadTLSFiles()
                #expect(await !isAnswered(transport, server))
                #expect(scene.renewals == 4)
                await transport.close()
            }
        }
    }

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13])
    func `a client certificate that is replaced is shown on the next connection`(version: TLSVersion) async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await certificates.makeCA("other")
            try await certificates.make("stranger", issuer: "other")
            try await certificates.make("client", issuer: "ca")
            let files = TLSFiles(
                caFile: certificates.certificate("ca"),
                certificateFile: certificates.directory + "/shown.pem",
                keyFile: certificates.directory + "/shown.key"
            )
            var configuration = try certificates.serverConfiguration()
            configuration.maximumTLSVersion = version
            configuration.trustRoots = .file(certificates.certificate("ca"))
            configuration.certificateVerification = .noHostnameVerification
            try await LoopbackServer.withServer(tls: configuration) { server in
                let scene = Scene()
                try copy(certificates.certificate("stranger"), to: certificates.directory + "/shown.pem")
                try copy(certificates.key("stranger"), to: certificates.directory + "/shown.key")
                let transport = try scene.transport(files)
                #expect(await !isAnswered(transport, server))
                // The certificate comes before its key: for a moment the two do not belong together.
                try copy(certificates.certificate("client"), to: certificates.directory + "/shown.pem")
                #expect(await !isAnswered(transport, server))
                #expect(scene.reasons.count == 1)
                #expect(scene.reasons.first?.contains("does not belong to the first certificate") == true)
                try copy(certificates.key("client"), to: certificates.directory + "/shown.key")
                #expect(await isAnswered(transport, server))
                #expect(scene.renewals == 1)
                await transport.close()
            }
        }
    }

    @Test func `a file that cannot be used leaves the old in force, and is complained of once`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            let path = certificates.directory + "/trusted.pem"
            let whole = try String(contentsOfFile: certificates.certificate("ca"), encoding: .utf8)
            try await LoopbackServer.withServer(tls: certificates.serverConfiguration()) { server in
                let scene = Scene()
                try copy(certificates.certificate("ca"), to: path)
                let transport = try scene.transport(TLSFiles(caFile: path))
                for text in [String(whole.prefix(whole.count / 2)), "", nil] {
                    let complaints = scene.reasons.count
                    if let text { try Data(text.utf8).write(to: URL(filePath: path)) } else { unlink(path) }
                    for _ in 0..<3 {
                        scene.advance(by: .seconds(10))
                        #expect(await isAnswered(transport, server))
                    }
                    #expect(scene.reasons.count == complaints + 1)
                }
                // Whoever asks for it is told again.
                await transport.rereadTLSFiles()
                #expect(scene.reasons.count == 4 && scene.renewals == 0)
                try copy(certificates.certificate("ca"), to: path)
                scene.advance(by: .seconds(10))
                #expect(await isAnswered(transport, server))
                #expect(scene.renewals == 1)
                scene.advance(by: .seconds(10))
                #expect(await isAnswered(transport, server))
                #expect(scene.renewals == 1, "nothing has changed")
                await transport.close()
            }
        }
    }

    @Test func `warnings tell of certificates near their end and of files that others can read`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            let files = TLSFiles(
                caFile: certificates.certificate("ca"),
                certificateFile: certificates.certificate("server"),
                keyFile: certificates.key("server")
            )
            let hour = 3_600.0
            let warnings = { (hours: Double) in files.warnings(now: Date(timeIntervalSinceNow: hours * hour)) }
            #expect(warnings(0) == [])
            #expect(warnings(17) == [])
            #expect(warnings(19).count { $0.contains("expires at ") } == 2, "in the last quarter of their day")
            #expect(warnings(25).count { $0.contains("expired at ") } == 2)
            #expect(warnings(-1).count { $0.contains("is not valid before ") } == 2)
            #expect(chmod(certificates.key("server"), 0o604) == 0)
            #expect(chmod(certificates.certificate("ca"), 0o646) == 0)
            let found = warnings(0)
            #expect(found.count == 2)
            #expect(found.contains { $0.contains("can read the TLS key file \"\(certificates.key("server"))\"") })
            #expect(found.contains { $0.contains("can change the TLS file \"\(certificates.certificate("ca"))\"") })
        }
    }
}
