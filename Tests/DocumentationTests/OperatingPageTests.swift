import ArgumentParser
@testable import ClickHouseWriter
import Foundation
@testable import spoolctl
import Testing

/// The page for operators leaves nothing out.
@Suite struct OperatingPageTests {
    private let page = "Sources/ClickHouseWriter/ClickHouseWriter.docc/Operating.md"

    @Test(arguments: WriterMetrics.descriptions.map(\.label))
    func `every metric is explained`(metric: String) throws {
        #expect(try Repository.text(page).contains("`\(metric)`"))
    }

    @Test func `every command of spoolctl is explained`() throws {
        let text = try Repository.text(page)
        let commands = Self.commands(of: SpoolControl.self, after: "")
        #expect(commands.contains("spoolctl dead-letters requeue"))
        for command in commands {
            #expect(text.contains("`\(command)`"), "\(command) is not on the page")
        }
    }

    /// `spoolctl status`, `spoolctl dead-letters list`: those that do something.
    private static func commands(of type: any ParsableCommand.Type, after prefix: String) -> [String] {
        let name = prefix + type._commandName
        let subcommands = type.configuration.subcommands
        return subcommands.isEmpty ? [name] : subcommands.flatMap { commands(of: $0, after: name + " ") }
    }
}
