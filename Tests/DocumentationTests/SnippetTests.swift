import Foundation
import Testing

/// What the pages show as Swift is compiled: it stands, as it is written there, in a file of a target.
@Suite struct SnippetTests {
    /// Files of which the compiler has seen everything.
    private static let compiled =
        Repository.files(in: "Tests/DocumentationTests/Snippets")
        + Repository.files(in: "Tests/GettingStarted")

    private static func isManifest(_ block: CodeBlock) -> Bool {
        block.lines.first?.hasPrefix("// swift-tools-version:") == true
    }

    @Test(arguments: Repository.pages)
    func `every piece of Swift is compiled`(page: String) throws {
        let files = try Self.compiled.map(Repository.text)
        for block in try CodeBlock.all(of: "swift", on: page) where !Self.isManifest(block) {
            #expect(
                files.contains { contains(block.paragraphs, $0) },
                "\(page):\(block.line): this piece stands in no file of Tests/DocumentationTests/Snippets"
            )
        }
    }

    @Test func `what a manifest on a page names exists`() throws {
        let manifest = try Repository.text("Package.swift")
        let blocks = try Repository.pages.flatMap { try CodeBlock.all(of: "swift", on: $0) }.filter(Self.isManifest)
        #expect(!blocks.isEmpty)
        for block in blocks {
            let text = block.lines.joined(separator: "\n")
            #expect(block.lines.first == manifest.components(separatedBy: "\n").first)
            for match in text.matches(of: /name: "(\w+)", package: "clickhouse-writer"/) {
                #expect(manifest.contains(".library(name: \"\(match.1)\""), "\(block.page):\(block.line): \(match.1)")
            }
            for match in text.matches(of: /\.package\(url: .*\)/) {
                #expect(manifest.contains(match.0), "\(block.page):\(block.line): \(match.0)")
            }
        }
    }

    @Test func `pieces are found, and told apart`() throws {
        let count = try Repository.pages.map { try CodeBlock.all(of: "swift", on: $0).count }.reduce(0, +)
        #expect(count >= 5)
        #expect(contains(["a\nb", "c"], "x {\n    a\n    b\n    y c\n}"))
        #expect(!contains(["c", "a\nb"], "x\na\nb\ny\nc"))
        #expect(!contains(["a\nc"], "a\nb\nc"))
    }

    /// Whether the paragraphs stand in the text, in their order. How their lines are broken and indented is up to the
    /// formatter.
    private func contains(_ paragraphs: [String], _ text: String) -> Bool {
        var rest = text.filter { !$0.isWhitespace }[...]
        for paragraph in paragraphs {
            guard let range = rest.range(of: paragraph.filter { !$0.isWhitespace }) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }
}
