@testable import ClickHouseHTTP
import ClickHouseWriter
import Foundation
import TestSupport
import Testing

/// What the profile of a ClickHouse user can do to an insert and to a question: each of the server's settings in turn, at
/// values that are not its default.
///
/// The settings and the values that they take are asked of the server. All of them, by hand:
///
///     PROFILE_SETTINGS=all CLICKHOUSE_URL=http://… swift test --filter ProfileTests
///
/// `PROFILE_SETTINGS` may also be names, with commas between them. Without it every sixtieth is tried, and those that have
/// mattered.
@Suite(
    .enabled(
        if: ClickHouseServer.isGiven,
        "needs CLICKHOUSE_URL, of a server that says more of its settings than Debian's"
    ),
    .serialized,
    .oneAtATime(seconds: 7_200)
)
struct ProfileTests {
    @Test func `no setting of a profile changes what is stored, or what an answer means`() async throws {
        try await withDatabase { server, configuration in
            let chosen = Choice(ProcessInfo.processInfo.environment["PROFILE_SETTINGS"])
            let settings = try await server.settings().enumerated().filter { chosen.has($1.name, at: $0) }.map(
                \.element
            )
            let trial = try await Trial(server, configuration)
            let usual = try await trial.run([:])
            try #require(usual == (try await trial.run([:])), "a trial must be the same each time")
            try #require(usual.found == [1, 1, 1, 1, 0])
            var tried = 0
            for setting in settings {
                do {
                    for value in try await server.values(of: setting) {
                        let outcome = try await trial.run([setting.name: value])
                        tried += 1
                        #expect(
                            outcome.isTruthful(usual),
                            "\(setting.name)=\(value)\n\(outcome.differences(from: usual))"
                        )
                    }
                } catch {
                    Issue.record("\(setting.name): \(error)")
                }
            }
            #expect(tried > 0)
        }
    }

    /// Several settings that do nothing alone.
    static let pairs: [[String: String]] = [
        ["timeout_overflow_mode": "break", "max_execution_time": "0.000001"],
        ["read_overflow_mode": "break", "max_rows_to_read": "1"],
        ["result_overflow_mode": "break", "max_result_rows": "1"],
        ["group_by_overflow_mode": "any", "max_rows_to_group_by": "1"],
        ["set_overflow_mode": "break", "max_rows_in_set": "1"],
        ["sort_overflow_mode": "break", "max_rows_to_sort": "1"],
        ["max_insert_block_size": "1", "min_insert_block_size_rows": "1", "min_insert_block_size_bytes": "1"],
        ["input_format_allow_errors_num": "10", "input_format_allow_errors_ratio": "1"],
        ["use_query_cache": "1", "query_cache_nondeterministic_function_handling": "save"],
        ["async_insert": "1", "wait_for_async_insert": "0"],
    ]

    @Test(arguments: pairs)
    func `nor do several of them together`(profile: [String: String]) async throws {
        try await withDatabase { server, configuration in
            let known = try await server.settings().map(\.name)
            let profile = profile.filter { known.contains($0.key) }
            let trial = try await Trial(server, configuration)
            let usual = try await trial.run([:])
            let outcome = try await trial.run(profile)
            #expect(outcome.isTruthful(usual), "\(profile)\n\(outcome.differences(from: usual))")
        }
    }
}

/// Which settings are tried.
private enum Choice {
    case all, some
    case named(Set<String>)

    init(_ text: String?) {
        switch text {
        case nil, "": self = .some
        case "all": self = .all
        case let text?: self = .named(Set(text.split(separator: ",").map(String.init)))
        }
    }

    func has(_ name: String, at index: Int) -> Bool {
        switch self {
        case .all: true
        case .some: index % 60 == 0 || RequestSettings.names.contains(name)
        case .named(let names): names.contains(name)
        }
    }
}

/// A setting of a server's.
private struct ServerSetting {
    let name: String
    let value: String
    let type: String
}

extension ClickHouseServer {
    fileprivate func settings() async throws -> [ServerSetting] {
        // One names another profile. With the other at 0 the server is busy with `SELECT 1` for ever.
        let rows = try await query(
            "SELECT name, value, type FROM system.settings WHERE NOT is_obsolete AND alias_for = ''"
                + " AND name NOT IN ('profile', 'interactive_delay') ORDER BY name FORMAT JSONCompactEachRow"
        )
        return try rows.split(separator: "\n").map { line in
            let fields = try JSONDecoder().decode([String].self, from: Data(line.utf8))
            return ServerSetting(name: fields[0], value: fields[1], type: fields[2])
        }
    }

    /// Values that the server takes for a setting and that are not its own.
    fileprivate func values(of setting: ServerSetting) async throws -> [String] {
        let candidates: [String] =
            switch setting.type {
            case "Bool", "BoolAuto": ["0", "1"]
            case "UInt64", "Int64", "Int32", "UInt64Auto", "Seconds", "Milliseconds", "NonZeroUInt64", "MaxThreads":
                ["0", "1", "2"]
            case "Float", "Double", "FloatAuto": ["0", "0.001", "1"]
            case "Char": [";", "'"]
            case "Timezone": ["Asia/Tokyo"]
            case "Map": ["{'a':'b'}"]
            default: try await namedValues(of: setting)
            }
        var values: [String] = []
        for value in candidates where value != setting.value {
            if try await takes(setting.name, value) { values.append(value) }
        }
        return values
    }

    /// The server names all of them when it does not know one.
    private func namedValues(of setting: ServerSetting) async throws -> [String] {
        do {
            _ = try await query("SELECT 1 SETTINGS \(setting.name) = 'no such value'")
        } catch let failure as Failure {
            guard let list = failure.text.firstMatch(of: /Must be one of \[(.*?)\]/)?.1 else { return ["1"] }
            return list.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces.union(["'"])) }
        }
        return ["no such value", "1"]
    }

    private func takes(_ name: String, _ value: String) async throws -> Bool {
        do {
            _ = try await query("SELECT 1 FORMAT Null SETTINGS \(name) = \(quoteString(value))")
            return true
        } catch let failure as Failure where failure.text.hasPrefix("Code: ") {
            // A value that is refused where it is set is no value of a profile. Another failure is the setting's doing.
            return !["36.", "53.", "72.", "115.", "145.", "27.", "38.", "26.", "41."].contains {
                failure.text.hasPrefix("Code: \($0)")
            }
        }
    }
}

/// The writer's requests, to a server whose user has a profile.
///
/// What the request itself sets goes before, as it does with a profile.
struct ProfileTransport: HTTPTransport {
    let network: AsyncHTTPTransport
    let profile: [String: String]

    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportFailure) -> HTTPResponse {
        var request = request
        for (name, value) in profile where !request.url.contains("&\(name)=") && !request.url.contains("?\(name)=") {
            let value = value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            request.url += "&\(name)=\(value)"
        }
        return try await network.send(request, timeout: timeout)
    }

    func close() async {}
}

/// An insert, a retry, a question and a batch with a bad row.
private struct Trial {
    struct Outcome: Equatable {
        var preflight: String
        var inserted: String
        var repeated: String
        var found: [Int]
        var badRow: String
        var unknownColumn: String
        var rows: String
        /// How many rows have each key that was asked for.
        var stored: [Int]

        /// Whether nothing was taken for stored, for refused or for absent that is not so. What the server refuses as a whole is held.
        func isTruthful(_ usual: Outcome) -> Bool {
            func isHeld(_ outcome: String) -> Bool { outcome != "accepted" && !outcome.hasPrefix("data") }
            let isStored = inserted == usual.inserted && repeated == usual.repeated && rows == usual.rows
            return (isStored || isHeld(inserted) && isHeld(repeated))
                && (badRow == usual.badRow || isHeld(badRow))
                && (unknownColumn == usual.unknownColumn || isHeld(unknownColumn))
                && (found == stored || found.allSatisfy { $0 < 0 })
        }

        func differences(from other: Outcome) -> String {
            zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children)
                .filter { "\($0.value)" != "\($1.value)" }
                .map { "    \($0.label ?? "")\n        \($0.value)\n        not \($1.value)" }
                .joined(separator: "\n")
        }
    }

    private let server: ClickHouseServer
    private let configuration: BatchWriterConfiguration
    private let network = AsyncHTTPTransport()

    init(_ server: ClickHouseServer, _ configuration: BatchWriterConfiguration) async throws {
        self.server = server
        self.configuration = configuration
        let columns = """
            id String, at DateTime64(3, 'UTC'), n UInt64, f Float64, word LowCardinality(String), small Nullable(Int8),
            flag Bool, list Array(Nullable(String)), day Date, level Enum8('low' = 1, 'high' = 2),
            made String DEFAULT concat(id, '!')
            """
        _ = try await server.query(
            "CREATE TABLE \(configuration.target) (\(columns)) ENGINE = MergeTree PARTITION BY level ORDER BY id "
                + "SETTINGS non_replicated_deduplication_window = 10000"
        )
        let database = quoteIdentifier(configuration.database)
        _ = try await server.query(
            "CREATE TABLE \(database).seen (id String, n UInt64) ENGINE = MergeTree ORDER BY id "
                + "SETTINGS non_replicated_deduplication_window = 10000"
        )
        _ = try await server.query(
            "CREATE MATERIALIZED VIEW \(database).view TO \(database).seen AS SELECT id, n FROM \(configuration.target)"
        )
    }

    func run(_ profile: [String: String]) async throws -> Outcome {
        let name = "\(UInt64.random(in: 0 ... .max))"
        let client = InsertClient(
            endpoints: [try Endpoint.parse(server.url).0],
            target: InsertTarget(database: configuration.database, table: configuration.table),
            columns: ["id", "at"],
            identity: IdentityColumns(id: "id", time: "at"),
            credentials: nil,
            requestTimeout: Self.patience,
            transport: ProfileTransport(network: network, profile: profile)
        )
        func outcome(_ rows: [String], _ token: String) async -> String {
            switch await client.insert(Array((rows.joined(separator: "\n") + "\n").utf8), token: "\(name)-\(token)") {
            case .accepted: "accepted"
            case .failed(let failure): "\(failure.kind) \(failure.code ?? 0) row \(failure.badRow ?? 0)"
            }
        }
        let preflight = await client.preflight()
        let good = (0..<4).map { Self.row("\(name) good \($0)", $0) }
        let inserted = await outcome(good, "good")
        let repeated = await outcome(good, "good")
        let keys = (0..<5).map { RowKey(id: Array("\(name) good \($0)".utf8), seconds: Self.seconds + Int64($0)) }
        let counts = try? await client.countStored(Set(keys), token: "\(name)-other", doubtAge: nil).get()
        var bad = (0..<4).map { Self.row("\(name) bad \($0)", $0) }
        bad[2] = bad[2].replacing("\"small\":-2", with: "\"small\":\"no number\"")
        let badRow = await outcome(bad, "bad")
        var strange = Self.row("\(name) strange", 0)
        strange = strange.dropLast() + ",\"no_such_column\":1}"
        let unknownColumn = await outcome([strange], "strange")
        // What is slow for ever, as with a bandwidth of one byte a second.
        _ = try await server.query("KILL QUERY WHERE elapsed > \(Self.patience.components.seconds - 1) ASYNC")
        let place = quoteIdentifier(configuration.database)
        let like = "id LIKE \(quoteString(name + " %"))"
        let rows = try await server.query(
            "SELECT * FROM \(configuration.target) WHERE \(like) ORDER BY ALL FORMAT JSONEachRow"
        )
        let seen = try await server.query(
            "SELECT id, n FROM \(place).seen WHERE \(like) ORDER BY ALL FORMAT JSONEachRow"
        )
        return Outcome(
            preflight: Self.words(preflight),
            inserted: inserted,
            repeated: repeated,
            found: keys.map { counts?[$0] ?? -1 },
            badRow: badRow,
            unknownColumn: unknownColumn,
            rows: (rows + "view:\n" + seen).replacing(name, with: ""),
            stored: (0..<5).map { rows.ranges(of: "{\"id\":\"\(name) good \($0)\"").count }
        )
    }

    private static func words(_ preflight: Result<DestinationProfile, InsertFailure>) -> String {
        switch preflight {
        case .success(let profile):
            "\(profile.guarantee), can be asked: \(profile.canReconcile), \(profile.columnTypes.sorted { $0.key < $1.key })"
        case .failure(let failure): "\(failure)"
        }
    }

    private static let patience = Duration.seconds(5)

    /// The first of January 2026.
    private static let seconds: Int64 = 1_767_225_600

    private static func row(_ id: String, _ number: Int) -> String {
        """
        {"id":"\(id)","at":"2026-01-01T00:00:0\(number).125Z","n":"1844674407370955161\(number)","f":0.1234567890123456\(number),\
        "word":"ü\\t\\"\(number)","small":-\(number),"flag":true,"list":["a",null,"\\n"],"day":"2026-01-0\(number + 1)",\
        "level":"\(number % 2 == 0 ? "low" : "high")"}
        """
    }
}
