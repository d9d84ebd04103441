internal import ArgumentParser
internal import Foundation
internal import SQLiteSpool

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a spool holds and what is stuck.",
        discussion: """
            Only reads, so it can be used while the spool's owner runs and after it died.

            Example: spoolctl status traces.spool
            """
    )

    @Argument(help: "The spool's file.", completion: .file())
    var path: String

    @Flag(help: "One JSON object for machines.")
    var json = false

    func run() throws {
        let status = try SpoolStatus(readingSpoolAt: path)
        print(try json ? Self.json(of: status) : StatusScreen(status).text)
    }

    private static func json(of status: SpoolStatus) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(status), as: UTF8.self)
    }
}
