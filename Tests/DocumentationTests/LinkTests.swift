import Foundation
import Testing

/// What the pages point at is there.
@Suite struct LinkTests {
    /// Each match on a page, with the number of its line.
    private func find(_ pattern: Regex<(Substring, Substring)>, on page: String) throws -> [(line: Int, text: String)] {
        try Repository.text(page).components(separatedBy: "\n").enumerated().flatMap { index, line in
            line.matches(of: pattern).map { (index + 1, String($0.1)) }
        }
    }

    @Test(arguments: Repository.pages)
    func `every path exists`(page: String) throws {
        for (line, path) in try find(/\b((?:Sources|Tests|Benchmarks|Migrations)\/[\w.\/+-]*\w)/, on: page) {
            #expect(Repository.exists(path), "\(page):\(line): there is no \(path)")
        }
    }

    @Test(arguments: Repository.pages)
    func `every page that is linked or named exists`(page: String) throws {
        let folder = page.split(separator: "/").dropLast().joined(separator: "/")
        for (line, name) in try find(/<doc:(\w+)>/, on: page) {
            #expect(Repository.exists("\(folder)/\(name).md"), "\(page):\(line): there is no page \(name)")
        }
        for (line, path) in try find(/(\w+\.docc\/\w+\.md)/, on: page) {
            #expect(Repository.pages.contains { $0.hasSuffix(path) }, "\(page):\(line): there is no page \(path)")
        }
        for (line, link) in try find(/\]\(([^)#]+)[^)]*\)/, on: page) where !link.contains("://") {
            #expect(
                Repository.exists(folder.isEmpty ? link : "\(folder)/\(link)"),
                "\(page):\(line): there is no \(link)"
            )
        }
    }

    @Test(arguments: Repository.pages)
    func `every test that is named exists`(page: String) throws {
        let tests = try Repository.files(in: "Tests").filter { $0.hasSuffix(".swift") }.map(Repository.text).joined()
        for (line, name) in try find(/\b([A-Z]\w+Tests)\b/, on: page) where !Repository.exists("Tests/\(name)") {
            #expect(tests.contains("struct \(name)"), "\(page):\(line): there are no \(name)")
        }
    }

    @Test(arguments: ["ClickHouseWriter", "ClickHouseWriterTesting", "LLMTraces"])
    func `the first page of a module names each of its public types and its other pages`(module: String) throws {
        let catalog = "Sources/\(module)/\(module).docc"
        let first = try Repository.text("\(catalog)/\(module).md")
        for page in Repository.pages where page.hasPrefix(catalog) && !page.hasSuffix("/\(module).md") {
            let name = page.dropFirst(catalog.count + 1).dropLast(".md".count)
            #expect(first.contains("- <doc:\(name)>"), "\(catalog): nothing leads to \(name)")
        }
        let sources = try Repository.files(in: "Sources/\(module)").filter { $0.hasSuffix(".swift") }
            .map(Repository.text).joined(separator: "\n")
        let types = sources.matches(of: /\npublic (?:final )?(?:class|struct|enum|protocol|actor) (\w+)/)
        #expect(!types.isEmpty)
        for type in types {
            #expect(first.contains("- ``\(type.1)``"), "\(catalog): \(type.1) is on no page")
        }
    }
}
