@testable import ClickHouseWriter
import Foundation
import Testing

/// The page about the configuration says what the code does.
@Suite struct ConfigurationPageTests {
    /// A line of the page's tables: property, variable, type, default, what happens at the limit.
    private struct Row {
        let property: String
        let variable: String
        let defaultValue: String
    }

    private let rows: [Row]
    private let defaults = BatchWriterConfiguration(spoolPath: "s", urls: ["http://a"], table: "t")

    init() throws {
        let page = try Repository.text("Sources/ClickHouseWriter/ClickHouseWriter.docc/Configuration.md")
        rows = page.components(separatedBy: "\n").compactMap { line in
            guard let property = line.firstMatch(of: /^\| ``BatchWriterConfiguration\/(\w+)`` \|/) else { return nil }
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
            guard cells.count == 5, !cells[4].isEmpty else { return nil }
            return Row(property: String(property.1), variable: cells[1], defaultValue: cells[3])
        }
    }

    @Test func `every property has one line`() {
        // One is not for users: what a drain sets.
        let properties = Mirror(reflecting: defaults).children.compactMap(\.label).filter { $0 != "isCatchingUp" }
        #expect(rows.map(\.property).sorted() == properties.sorted())
    }

    @Test(arguments: Setting.all.map(\.key))
    func `every setting has its variable and its real default`(key: String) throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        let row = try #require(rows.first { $0.variable == setting.variable })
        #expect(row.property.lowercased() == (key == "url" ? "urls" : key.lowercased()))
        let isRequired = ["url", "table", "spoolPath"].contains(key)
        #expect(row.defaultValue == (isRequired ? "required" : setting.show(defaults).map(inWords) ?? "none"))
    }

    @Test(arguments: [
        ("5s", "5 s"), ("500ms", "500 ms"), ("8388608", "8 MiB"), ("1073741824", "1 GiB"), ("100", "100"),
    ])
    func `defaults are told as people write them`(text: String, words: String) {
        #expect(inWords(text) == words)
    }

    private func inWords(_ text: String) -> String {
        if let duration = text.wholeMatch(of: /(\d+)(ms|s)/) { return "\(duration.1) \(duration.2)" }
        guard let bytes = Int(text), bytes >= 1 << 20 else { return text }
        return bytes % (1 << 30) == 0 ? "\(bytes >> 30) GiB" : "\(bytes >> 20) MiB"
    }
}
