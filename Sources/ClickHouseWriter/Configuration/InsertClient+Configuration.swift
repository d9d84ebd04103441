package import ClickHouseHTTP

extension InsertClient {
    /// - Parameter onTLSNews: told when the TLS files changed and were read anew. It must not block.
    /// - Throws: ``WriterError/Code/invalidConfiguration`` for URLs, credentials or TLS files that cannot be used.
    package convenience init(
        _ configuration: BatchWriterConfiguration,
        columns: [ColumnName] = [],
        identity: RecordIdentity? = nil,
        onTLSNews: @escaping @Sendable (TLSNews) -> Void = { _ in }
    ) throws(WriterError) {
        try WriterError.throwIfAny(configuration.urlProblems)
        let parsed = configuration.urls.compactMap { try? Endpoint.parse($0) }
        let endpoints = parsed.map(\.endpoint)
        self.init(
            endpoints: endpoints,
            target: InsertTarget(database: configuration.database, table: configuration.table),
            columns: columns.map(\.name),
            columnProblem: { [allowed = configuration.lossyColumns] types in
                ColumnFit.problem(of: columns, in: types, allowed: allowed)
            },
            identity: identity.map { IdentityColumns(id: $0.id, time: $0.time, isOptional: $0.isOptional) },
            reconciles: configuration.reconciles,
            credentials: try configuration.credentials(inURLs: parsed.compactMap(\.credentials)),
            requestTimeout: configuration.requestTimeout,
            compressesBodies: configuration.compression == .gzip,
            transport: try configuration.transport(to: endpoints, onTLSNews)
        )
    }
}

extension BatchWriterConfiguration {
    package var tlsFiles: TLSFiles {
        TLSFiles(caFile: tlsCAFile, certificateFile: tlsCertificateFile, keyFile: tlsKeyFile)
    }

    fileprivate func transport(
        to endpoints: [Endpoint],
        _ onTLSNews: @escaping @Sendable (TLSNews) -> Void
    ) throws(WriterError) -> AsyncHTTPTransport {
        let files = tlsFiles
        guard files.isEmpty || endpoints.contains(where: \.usesTLS) else {
            throw WriterError(
                .invalidConfiguration,
                "TLS files are given, and no ClickHouse URL starts with https://: nothing would be encrypted"
            )
        }
        do throws(InvalidTLSFile) {
            return try AsyncHTTPTransport(tls: files, onNews: onTLSNews)
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
