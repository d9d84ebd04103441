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
    package var problems: [String] { destinationProblems + spoolProblems + batchProblems + durationProblems }

    private var destinationProblems: [String] {
        var problems: [String] = []
        if urls.isEmpty {
            problems.append("urls (CLICKHOUSE_URL) is empty; give at least one, like http://localhost:8123")
        }
        for (index, url) in urls.enumerated() {
            do throws(InvalidEndpoint) {
                _ = try Endpoint.parse(url)
            } catch {
                problems.append(
                    "\(urls.count == 1 ? "the ClickHouse URL" : "ClickHouse URL \(index + 1)"): \(error.reason)"
                )
            }
        }
        if database.isEmpty { problems.append("\(named("database")) is empty; ClickHouse's own is named default") }
        if table.isEmpty { problems.append("\(named("table")) is empty; name the table that the records go to") }
        if (tlsCertificateFile == nil) != (tlsKeyFile == nil) {
            let (given, missing) =
                tlsKeyFile == nil ? ("tlsCertificateFile", "tlsKeyFile") : ("tlsKeyFile", "tlsCertificateFile")
            problems.append("\(named(given)) is given without \(named(missing)); they are needed together")
        }
        return problems
    }

    private var spoolProblems: [String] {
        var problems: [String] = []
        if spoolPath.isEmpty || spoolPath.hasSuffix("/") {
            problems.append(
                "\(named("spoolPath")) is \"\(spoolPath)\"; it must be the path of a file, like /var/lib/app/visits.spool"
            )
        }
        if maxSpoolBytes < Self.smallestSpool {
            problems.append(
                "\(named("maxSpoolBytes")) is \(maxSpoolBytes); it must be at least \(Self.smallestSpool), 1 MiB"
            )
        }
        if let maxRecords, maxRecords < 1 {
            problems.append("\(named("maxRecords")) is \(maxRecords); it must be at least 1, or absent for no limit")
        }
        if !(1...Self.largestRecord).contains(maxRecordBytes) {
            problems.append(
                "\(named("maxRecordBytes")) is \(maxRecordBytes); it must be from 1 to \(Self.largestRecord)"
            )
        }
        return problems
    }

    private var batchProblems: [String] {
        var problems: [String] = []
        if maxBatchSize < 1 { problems.append("\(named("maxBatchSize")) is \(maxBatchSize); it must be at least 1") }
        if let catchUpBatchSize, catchUpBatchSize < maxBatchSize {
            problems.append(
                "\(named("catchUpBatchSize")) is \(catchUpBatchSize); it must be at least maxBatchSize, \(maxBatchSize), or absent"
            )
        }
        if !(1...64).contains(maxInFlight) {
            problems.append("\(named("maxInFlight")) is \(maxInFlight); it must be from 1 to 64")
        }
        if !(1...Self.largestRecord).contains(maxBatchBytes) {
            problems.append("\(named("maxBatchBytes")) is \(maxBatchBytes); it must be from 1 to \(Self.largestRecord)")
        }
        return problems
    }

    private var durationProblems: [String] {
        var problems: [String] = []
        let durations: [(name: String, value: Duration?, mayBeZero: Bool)] = [
            ("flushInterval", flushInterval, false), ("requestTimeout", requestTimeout, false),
            ("minRetryDelay", minRetryDelay, false), ("maxRetryDelay", maxRetryDelay, false),
            ("shutdownTimeout", shutdownTimeout, true), ("maxAge", maxAge, false),
        ]
        for case (let name, let value?, let mayBeZero) in durations {
            if value < .zero || value == .zero && !mayBeZero {
                let least = mayBeZero ? "not be negative" : "be longer than zero, like 1s"
                problems.append("\(named(name)) is \(value.settingText); it must \(least)")
            } else if value > Self.longestDuration {
                problems.append("\(named(name)) is \(value.settingText); it must be at most a year, 8760h")
            }
        }
        if maxRetryDelay < minRetryDelay {
            problems.append(
                "\(named("maxRetryDelay")) is \(maxRetryDelay.settingText); it must be at least minRetryDelay, "
                    + minRetryDelay.settingText
            )
        }
        if let maxAge, maxAge > .zero, maxAge <= flushInterval {
            problems.append(
                "\(named("maxAge")) is \(maxAge.settingText); it must be longer than flushInterval, \(flushInterval.settingText), "
                    + "or records are dropped before they are sent"
            )
        }
        return problems
    }
}

/// The property's name, and in brackets what it is in the environment.
private func named(_ key: String) -> String {
    Setting.all.first { $0.key == key }.map { "\(key) (\($0.variable))" } ?? key
}

extension WriterError {
    /// - Throws: `invalidConfiguration` with all of the problems.
    static func throwIfAny(_ problems: [String]) throws(WriterError) {
        if !problems.isEmpty { throw WriterError(.invalidConfiguration, problems.joined(separator: "; ")) }
    }
}
