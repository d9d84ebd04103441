package import ClickHouseHTTP

extension InsertClient {
    /// - Throws: ``WriterError/Code/invalidConfiguration`` for a URL that cannot be used.
    package convenience init(_ configuration: BatchWriterConfiguration, columns: [String]) throws(WriterError) {
        var endpoints: [Endpoint] = []
        var credentials = configuration.user.map {
            Credentials(user: $0, password: configuration.password?.text ?? "")
        }
        for (index, url) in configuration.urls.enumerated() {
            do throws(InvalidEndpoint) {
                let (endpoint, inURL) = try Endpoint.parse(url)
                endpoints.append(endpoint)
                credentials = credentials ?? inURL
            } catch {
                throw WriterError(.invalidConfiguration, "ClickHouse URL \(index + 1): \(error.reason)", cause: error)
            }
        }
        self.init(
            endpoints: endpoints,
            target: InsertTarget(database: configuration.database, table: configuration.table, columns: columns),
            credentials: credentials,
            requestTimeout: configuration.requestTimeout
        )
    }
}
