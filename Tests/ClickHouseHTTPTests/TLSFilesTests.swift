@testable import ClickHouseHTTP
import Foundation
import TestSupport
import Testing

@Suite(.startsProcesses) struct TLSFilesTests {
    private func withFiles(_ body: (TestCertificates) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let certificates = TestCertificates(directory: directory)
            try await certificates.make("a")
            try await certificates.make("b")
            try await body(certificates)
        }
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }

    /// Expects that `files` are refused with words that name the file and contain `reason`.
    private func expectRefusal(
        _ files: TLSFiles,
        naming path: String,
        _ reason: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: InvalidTLSFile.self, sourceLocation: sourceLocation) {
            _ = try AsyncHTTPTransport(tls: files)
        }
        guard let description = error?.description else { return }
        #expect(description.contains("\"\(path)\""), sourceLocation: sourceLocation)
        #expect(description.contains(reason), "\(description)", sourceLocation: sourceLocation)
    }

    @Test func `no files are the client's defaults`() throws {
        #expect(try TLSFiles().configuration() == nil)
    }

    @Test func `a CA file that is none is refused, and what is wrong is said`() async throws {
        try await withFiles { certificates in
            let path = certificates.directory + "/x.pem"
            expectRefusal(TLSFiles(caFile: path), naming: path, "No such file")
            expectRefusal(
                TLSFiles(caFile: certificates.directory),
                naming: certificates.directory,
                "Is a directory"
            )
            try write("", to: path)
            expectRefusal(TLSFiles(caFile: path), naming: path, "it is empty")
            try write("hello", to: path)
            expectRefusal(TLSFiles(caFile: path), naming: path, "no certificate in PEM form")
            try write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", to: path)
            expectRefusal(TLSFiles(caFile: path), naming: path, "damaged")
            let whole = try String(contentsOfFile: certificates.certificate("a"), encoding: .utf8)
            try write(whole + whole.prefix(200), to: path)
            expectRefusal(TLSFiles(caFile: path), naming: path, "damaged")
            expectRefusal(TLSFiles(caFile: certificates.key("a")), naming: certificates.key("a"), "no certificate")
            try await certificates.openssl(
                ["x509", "-in", certificates.certificate("a"), "-outform", "der", "-out", path]
            )
            expectRefusal(TLSFiles(caFile: path), naming: path, "no certificate in PEM form")
        }
    }

    @Test func `a certificate needs its own key`() async throws {
        try await withFiles { certificates in
            let certificate = certificates.certificate("a")
            expectRefusal(TLSFiles(certificateFile: certificate), naming: certificate, "needs a key file")
            expectRefusal(TLSFiles(keyFile: certificates.key("a")), naming: certificates.key("a"), "certificate file")
            expectRefusal(
                TLSFiles(certificateFile: certificate, keyFile: certificates.key("b")),
                naming: certificates.key("b"),
                "does not belong to the first certificate in \(certificate)"
            )
            expectRefusal(
                TLSFiles(certificateFile: certificate, keyFile: certificate),
                naming: certificate,
                "no private key"
            )
        }
    }

    @Test(arguments: [["pkcs8", "-topk8"], ["ec"]])
    func `an encrypted key is refused, and how to decrypt it is said`(command: [String]) async throws {
        try await withFiles { certificates in
            let path = certificates.directory + "/encrypted.key"
            let cipher = command == ["ec"] ? ["-aes256"] : []
            try await certificates.openssl(
                command + cipher + ["-in", certificates.key("a"), "-out", path, "-passout", "pass:secret"]
            )
            expectRefusal(
                TLSFiles(certificateFile: certificates.certificate("a"), keyFile: path),
                naming: path,
                "decrypt it with: openssl pkey"
            )
        }
    }

    @Test func `certificate and key may be in one file, in any order, and the key in its older form`() async throws {
        try await withFiles { certificates in
            let older = certificates.directory + "/older.key"
            try await certificates.openssl(["ec", "-in", certificates.key("a"), "-out", older])
            let certificate = try String(contentsOfFile: certificates.certificate("a"), encoding: .utf8)
            let key = try String(contentsOfFile: certificates.key("a"), encoding: .utf8)
            for text in [certificate + key, key + certificate] {
                let path = certificates.directory + "/both.pem"
                try write(text, to: path)
                #expect(try TLSFiles(certificateFile: path, keyFile: path).configuration() != nil)
            }
            let files = TLSFiles(certificateFile: certificates.certificate("a"), keyFile: older)
            #expect(try files.configuration() != nil)
        }
    }
}
