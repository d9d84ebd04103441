@testable import ClickHouseHTTP
import Testing

/// The page about failures says of each kind of table what the guarantee line says.
@Suite struct GuaranteePageTests {
    private static let page = "Sources/ClickHouseWriter/ClickHouseWriter.docc/Failures.md"

    private struct Kind {
        let name: String
        let table: TableProfile
        var hasIdentity = true
        var knowsTokens = true

        /// A line of the page's table.
        var line: String {
            let noIdentity = "the record type names no identity"
            let guarantee = Guarantee(
                table,
                version: "21.8",
                knowsTokens: knowsTokens,
                reconciliationProblem: hasIdentity ? table.problem(askingFor: "id") : noIdentity
            )
            return "| \(name) | \(guarantee) |"
        }
    }

    private static func mergeTree(_ window: Int, _ views: [TableProfile] = []) -> TableProfile {
        TableProfile(
            engine: "MergeTree",
            definition: "MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = \(window)",
            viewTargets: views
        )
    }

    private static func replicated(seconds: Int) -> TableProfile {
        TableProfile(
            engine: "ReplicatedMergeTree",
            definition: "ReplicatedMergeTree ORDER BY id",
            serverSettings: [
                "replicated_deduplication_window": "10000", "replicated_deduplication_window_seconds": "\(seconds)",
            ]
        )
    }

    private static func engine(_ name: String) -> Kind {
        Kind(name: "engine \(name)", table: TableProfile(engine: name, definition: name))
    }

    /// - Parameter arguments: of the engine, which hands rows to another table.
    private static func engine(_ name: String, _ arguments: String, before stores: [TableProfile]) -> Kind {
        let table = TableProfile(engine: name, definition: "\(name)(\(arguments))", stores: stores)
        let store = stores.isEmpty ? "table that cannot be seen" : "MergeTree"
        return Kind(name: "engine \(name) before a \(store)", table: table)
    }

    private static func target(_ window: Int) -> TableProfile {
        var table = mergeTree(window)
        table.subject = "the view target `db`.`t`"
        return table
    }

    private static let kinds: [Kind] =
        [
            Kind(name: "MergeTree with a window", table: mergeTree(10_000)),
            Kind(name: "the same, which cannot be asked", table: mergeTree(10_000), hasIdentity: false),
            Kind(name: "ReplicatedMergeTree", table: replicated(seconds: 3_600)),
            Kind(name: "the same, which cannot be asked", table: replicated(seconds: 3_600), hasIdentity: false),
            Kind(name: "ReplicatedMergeTree that forgets soon", table: replicated(seconds: 30)),
            Kind(name: "MergeTree without a window", table: mergeTree(0)),
            Kind(name: "the same, which cannot be asked", table: mergeTree(0), hasIdentity: false),
            Kind(name: "MergeTree with a short window", table: mergeTree(5)),
            Kind(name: "a server before 22.2", table: mergeTree(0), knowsTokens: false),
            Kind(name: "a view, its target without a window", table: mergeTree(10_000, [target(0)])),
            Kind(name: "the same, which cannot be asked", table: mergeTree(10_000, [target(0)]), hasIdentity: false),
            Kind(name: "a view, its target with a window", table: mergeTree(10_000, [target(10_000)])),
            Kind(
                name: "engine Null with a view, its target with a window",
                table: TableProfile(engine: "Null", viewTargets: [target(10_000)])
            ),
            Kind(
                name: "ReplacingMergeTree without a window, ordered by another column than the identity",
                table: TableProfile(
                    engine: "ReplacingMergeTree",
                    definition: "ReplacingMergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 0"
                )
            ),
        ]
        + [engine("Buffer", "'db', 't', 1", before: [mergeTree(0)])]
        + ["Memory", "Log", "Set", "Join"].map { engine($0) }
        + [[mergeTree(0)], []].map { engine("Distributed", "'cluster', 'db', 't'", before: $0) }
        + ["URL", "Kafka", "Null"].map { engine($0) }

    @Test func `the table of guarantees is the function's`() throws {
        let text = try Repository.text(Self.page)
        let lines = Self.kinds.map(\.line)
        #expect(text.contains(lines.joined(separator: "\n")), "\(lines.joined(separator: "\n"))")
    }
}
