package import ClickHouseHTTP
package import Logging

extension Logger {
    /// Logs what came of reading TLS files anew. Their purpose is, for example, `ClickHouse`.
    package func log(_ news: TLSNews, of purpose: String) {
        switch news {
        case .renewed(let files, let warnings):
            info(
                "The TLS files were read anew; new connections use them",
                metadata: ["tls.for": "\(purpose)", "tls.files": .array(files.paths.map { .string($0) })]
            )
            for reason in warnings {
                warning("A TLS file may be wrong", metadata: ["tls.for": "\(purpose)", "reason": "\(reason)"])
            }
        case .kept(let reason):
            warning(
                "The TLS files cannot be used; the old ones stay in force",
                metadata: ["tls.for": "\(purpose)", "reason": "\(reason)"]
            )
        }
    }
}
