import Foundation

/// The package's own files, read as a reader sees them.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// README.md and the pages of every documentation catalog, as paths from the root.
    static let pages: [String] =
        ["README.md"] + files(in: "Sources").filter { $0.contains(".docc/") && $0.hasSuffix(".md") }

    /// Every file of a folder of the root, however deep.
    static func files(in folder: String) -> [String] {
        let paths = FileManager.default.enumerator(atPath: path(folder))?.compactMap { $0 as? String } ?? []
        return paths.sorted().map { "\(folder)/\($0)" }
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: self.path(path)) }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func path(_ path: String) -> String { root.appending(path: path).path(percentEncoded: false) }
}

/// A fenced piece of code on a page.
struct CodeBlock {
    let page: String
    let line: Int
    let lines: [String]

    /// The blocks of a language on a page.
    static func all(of language: String, on page: String) throws -> [CodeBlock] {
        var blocks: [CodeBlock] = []
        var open: (line: Int, lines: [String])?
        for (index, line) in try Repository.text(page).components(separatedBy: "\n").enumerated() {
            if let (start, lines) = open {
                if line == "```" {
                    blocks.append(CodeBlock(page: page, line: start, lines: lines))
                    open = nil
                } else {
                    open = (start, lines + [line])
                }
            } else if line == "```\(language)" {
                open = (index + 1, [])
            }
        }
        return blocks
    }

    /// Its parts between empty lines.
    var paragraphs: [String] {
        lines.split { $0.allSatisfy(\.isWhitespace) }.map { $0.joined(separator: "\n") }
    }
}
