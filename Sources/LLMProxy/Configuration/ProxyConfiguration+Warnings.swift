internal import ClickHouseHTTP
internal import ClickHouseWriter
internal import Foundation

extension ProxyConfiguration {
    /// What lets others see or use a secret, or will soon keep clients away: one sentence each.
    func securityWarnings(now: Date = Date()) -> [String] {
        keylessWarnings + plainTextWarnings + keyFileWarnings + tls.warnings(now: now)
            + upstreamTLS.warnings(now: now) + writer.tlsFiles.warnings(now: now)
    }

    private var keylessWarnings: [String] {
        guard upstreamKey != nil, clientKeys == nil else { return [] }
        if address.isLoopback {
            return ["every user of this machine may use the key in UPSTREAM_API_KEY: there are no --client-keys"]
        }
        return [
            "whoever reaches \(address.host):\(address.port) may use the key in UPSTREAM_API_KEY: there are no --client-keys;"
                + " give some, or listen at 127.0.0.1"
        ]
    }

    /// Secrets that go over a network in plain text.
    private var plainTextWarnings: [String] {
        var warnings: [String] = []
        if let url = upstreamURL, !url.usesTLS, !Address.isLoopback(url.host) {
            let keys = upstreamKey == nil ? "the keys of clients go" : "UPSTREAM_API_KEY goes"
            warnings.append("\(keys) unencrypted to \(url.host), as --upstream-url begins with http://; use https://")
        }
        for url in writer.urls {
            guard let (endpoint, credentials) = try? Endpoint.parse(url), !endpoint.usesTLS,
                writer.password ?? credentials.map({ Secret($0.password) }) ?? "" != "",
                let host = URL(string: endpoint.url)?.host(), !Address.isLoopback(host)
            else { continue }
            warnings.append(
                "the password for ClickHouse goes unencrypted to \(host), as its URL begins with http://; use https://"
            )
        }
        let clientsSendKeys = clientKeys != nil || upstreamURL != nil && upstreamKey == nil
        if clientsSendKeys, tls.isEmpty, !address.isLoopback {
            warnings.append(
                "clients send their keys unencrypted to \(address.host):\(address.port); give --tls-certificate and --tls-key,"
                    + " or let only a load balancer that speaks TLS reach it"
            )
        }
        return warnings
    }

    private var keyFileWarnings: [String] {
        guard let path = clientKeys?.path, let stamp = FileStamp(path) else { return [] }
        if stamp.othersCanWrite {
            return ["every user of this machine can add keys to the --client-keys \"\(path)\"; run: chmod o= FILE"]
        }
        return stamp.othersCanRead
            ? ["every user of this machine can read the --client-keys \"\(path)\"; run: chmod o= FILE"] : []
    }
}
