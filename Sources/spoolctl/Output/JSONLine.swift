internal import Foundation

extension Encodable {
    /// One line of JSON, its keys in snake case and in alphabetical order. Nothing in it acts on a terminal.
    var jsonLine: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Paragraph.escaped(String(decoding: try encoder.encode(self), as: UTF8.self))
        }
    }
}
