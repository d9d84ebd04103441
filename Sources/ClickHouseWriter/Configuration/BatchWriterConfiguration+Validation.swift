internal import ClickHouseHTTP

extension BatchWriterConfiguration {
    private static let longestDuration = Duration.seconds(365 * 86_400)

    /// SQLite takes no text of 10⁹ bytes, and ClickHouse no request that it cannot hold in memory.
    private static let largestRecord = 256 << 20

    private static let smallestSpool = 1 << 20

    /// Checks every value that can be checked without the disk and the network, as making a ``BatchWriter`` does first.
    ///
    /// - Throws: ``WriterError/Code/invalidConfiguration`` naming everything that is wrong, and what to write instead.
    public func validate() throws(WriterError) {
        try WriterError.throwIfAny(problems)
    }

    /// What is wrong, one sentence each.
    package var problems: [String] {
        var problems = urlProblems
        func check(_ isFine: Bool, _ key: String, _ problem: String) {
            if !isFine { problems.append("\(named(key)) \(problem)") }
        }
        func check(_ key: String, _ value: Int?, in range: ClosedRange<Int>, _ demand: String) {
            if let value { check(range.contains(value), key, "is \(value); it must be \(demand)") }
        }
        check(!database.isEmpty, "database", "is empty; ClickHouse's own is named default")
        check(!table.isEmpty, "table", "is empty; name the table that the records go to")
        let (cert, key) = ("tlsCertificateFile", "tlsKeyFile")
        let (given, missing) = tlsKeyFile == nil ? (cert, key) : (key, cert)
        let isPair = (tlsCertificateFile == nil) == (tlsKeyFile == nil)
        check(isPair, given, "is given without \(named(missing)); they are needed together")
        check(
            !spoolPath.isEmpty && !spoolPath.hasSuffix("/"),
            "spoolPath",
            "is \"\(spoolPath)\"; it must be the path of a file, like /var/lib/app/visits.spool"
        )
        let spools = Self.smallestSpool...Int.max
        let records = 1...Self.largestRecord
        let size = "from 1 to \(Self.largestRecord)"
        let noLess = "at least maxBatchSize, \(maxBatchSize), or absent"
        check("maxSpoolBytes", maxSpoolBytes, in: spools, "at least \(Self.smallestSpool), 1 MiB")
        check("maxRecords", maxRecords, in: 1...Int.max, "at least 1, or absent for no limit")
        check("maxRecordBytes", maxRecordBytes, in: records, size)
        check("maxBatchSize", maxBatchSize, in: 1...Int.max, "at least 1")
        check("catchUpBatchSize", catchUpBatchSize, in: maxBatchSize...Int.max, noLess)
        check("maxInFlight", maxInFlight, in: 1...64, "from 1 to 64")
        check("maxBatchBytes", maxBatchBytes, in: records, size)
        check(shutdownTimeout >= .zero, "shutdownTimeout", "is \(shutdownTimeout.text); it must not be negative")
        let positive = [
            ("flushInterval", flushInterval), ("requestTimeout", requestTimeout), ("minRetryDelay", minRetryDelay),
            ("maxRetryDelay", maxRetryDelay), ("maxAge", maxAge),
        ]
        for case (let key, let value?) in positive {
            check(value > .zero, key, "is \(value.text); it must be longer than zero, like 1s")
        }
        for case (let key, let value?) in positive + [("shutdownTimeout", shutdownTimeout)] {
            check(value <= Self.longestDuration, key, "is \(value.text); it must be at most a year, 8760h")
        }
        check(
            maxRetryDelay >= minRetryDelay,
            "maxRetryDelay",
            "is \(maxRetryDelay.text); it must be at least minRetryDelay, \(minRetryDelay.text)"
        )
        if let maxAge, maxAge > .zero {
            let demand = "longer than flushInterval, \(flushInterval.text), or records are dropped before they are sent"
            check(maxAge > flushInterval, "maxAge", "is \(maxAge.text); it must be \(demand)")
        }
        return problems
    }

    var urlProblems: [String] {
        if urls.isEmpty { return ["urls (CLICKHOUSE_URL) is empty; give at least one, like http://localhost:8123"] }
        return urls.enumerated().compactMap { index, url in
            do throws(InvalidEndpoint) {
                _ = try Endpoint.parse(url)
                return nil
            } catch {
                return "\(urls.count == 1 ? "the ClickHouse URL" : "ClickHouse URL \(index + 1)"): \(error.reason)"
            }
        }
    }
}

/// The property's name, and in brackets what it is in the environment.
private func named(_ key: String) -> String {
    Setting.all.first { $0.key == key }.map { "\(key) (\($0.variable))" } ?? key
}

extension WriterError {
    static func throwIfAny(_ problems: [String]) throws(WriterError) {
        if !problems.isEmpty { throw WriterError(.invalidConfiguration, problems.joined(separator: "; ")) }
    }
}
