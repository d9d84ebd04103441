package import ClickHouseHTTP

extension InsertClient {
    /// - Throws: ``WriterError/Code/invalidConfiguration`` for URLs, credentials or TLS files that cannot be used.
    package convenience init(
        _ configuration: BatchWriterConfiguration,
        columns: [ColumnName] = [],
        identity: RecordIdentity? = nil
    ) throws(WriterError) {
        var endpoints: [Endpoint] = []
        var inURLs: [Credentials] = []
        for (index, url) in configuration.urls.enumerated() {
            do throws(InvalidEndpoint) {
                let (endpoint, credentials) = try Endpoint.parse(url)
                endpoints.append(endpoint)
                if let credentials { inURLs.append(credentials) }
            } catch {
                throw WriterError(.invalidConfiguration, "ClickHouse URL \(index + 1): \(error.reason)", cause: error)
            }
        }
        self.init(
            endpoints: endpoints,
            target: InsertTarget(database: configuration.database, table: configuration.table),
            columns: columns.map(\.name),
            identity: configuration.reconciles ? identity.map { IdentityColumns(id: $0.id, time: $0.time) } : nil,
            credentials: try configuration.credentials(inURLs: inURLs),
            requestTimeout: configuration.requestTimeout,
            compressesBodies: configuration.compression == .gzip,
            transport: try configuration.transport(to: endpoints)
        )
    }
}

extension BatchWriterConfiguration {
    fileprivate func transport(to endpoints: [Endpoint]) throws(WriterError) -> AsyncHTTPTransport {
        let files = TLSFiles(caFile: tlsCAFile, certificateFile: tlsCertificateFile, keyFile: tlsKeyFile)
        guard files.isEmpty || endpoints.contains(where: \.usesTLS) else {
            throw WriterError(
                .invalidConfiguration,
                "TLS files are given, and no ClickHouse URL starts with https://: nothing would be encrypted"
            )
        }
        do throws(InvalidTLSFile) {
            return try AsyncHTTPTransport(tls: files)
        } catch {
            throw WriterError(.invalidConfiguration, error.description, cause: error)
        }
    }

    /// The configuration's own user and password; what they leave open is taken from the URLs.
    fileprivate func credentials(inURLs: [Credentials]) throws(WriterError) -> Credentials? {
        guard inURLs.allSatisfy({ $0 == inURLs.first }) else {
            // All replicas are asked with the same credentials; none may see another's.
            throw WriterError(.invalidConfiguration, "the ClickHouse URLs name different users or passwords")
        }
        guard let user = user ?? inURLs.first?.user ?? password.map({ _ in "default" }) else { return nil }
        let urlPassword = inURLs.first.flatMap { $0.user == user ? $0.password : nil }
        let credentials = Credentials(user: user, password: password?.text ?? urlPassword ?? "")
        guard Secret(credentials.user).isOneLine, Secret(credentials.password).isOneLine else {
            throw WriterError(
                .invalidConfiguration,
                "the user or the password holds a control character, which a header cannot carry"
            )
        }
        return credentials
    }
}
