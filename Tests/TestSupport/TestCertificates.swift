internal import Subprocess

/// Keys and certificates, made by `openssl` (every Debian and Ubuntu that can fetch by https has it) and valid for a
/// day. `name.pem` is the certificate, `name.key` its key.
package struct TestCertificates {
    package let directory: String

    package init(directory: String) {
        self.directory = directory
    }

    /// Runs `body` with a CA `ca`, its certificate `server` for 127.0.0.1, and what else is made there.
    package static func withServerCertificate(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TestCertificates) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let certificates = TestCertificates(directory: directory)
            try await certificates.makeCA("ca")
            try await certificates.make("server", issuer: "ca", "subjectAltName=IP:127.0.0.1")
            try await body(certificates)
        }
    }

    package func certificate(_ name: String) -> String { "\(directory)/\(name).pem" }

    package func key(_ name: String) -> String { "\(directory)/\(name).key" }

    /// - Parameters:
    ///   - issuer: nil signs it with its own key.
    ///   - extensions: as in openssl.cnf.
    package func make(_ name: String, issuer: String? = nil, _ extensions: String...) async throws {
        let issuing = issuer.map { ["-CA", certificate($0), "-CAkey", key($0)] } ?? []
        try await openssl(
            ["req", "-x509", "-config", "/dev/null", "-subj", "/CN=\(name)", "-days", "1"]
                + ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-keyout", key(name), "-out", certificate(name)]
                + issuing + extensions.flatMap { ["-addext", $0] }
        )
    }

    package func makeCA(_ name: String) async throws {
        try await make(name, "basicConstraints=critical,CA:TRUE")
    }

    package func openssl(_ arguments: [String]) async throws {
        let result = try await run(
            .name("openssl"),
            arguments: Arguments(arguments),
            output: .discarded,
            error: .string(limit: 100_000)
        )
        guard result.terminationStatus.isSuccess else { throw Failure(text: result.standardError) }
    }

    package struct Failure: Error {
        package let text: String
    }
}
