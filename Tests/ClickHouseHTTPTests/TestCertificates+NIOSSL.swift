import NIOSSL
import TestSupport

extension TestCertificates {
    func serverConfiguration(_ name: String = "server") throws -> TLSConfiguration {
        try TLSConfiguration.makeServerConfiguration(
            certificateChain: NIOSSLCertificate.fromPEMFile(certificate(name)).map { .certificate($0) },
            privateKey: .privateKey(NIOSSLPrivateKey(file: key(name), format: .pem))
        )
    }
}
