import ArgumentParser
import Foundation
@testable import spoolctl
import Testing

private let operatingPage = "Sources/ClickHouseWriter/ClickHouseWriter.docc/Operating.md"

/// The page for operators leaves nothing out. It is looked at as soon as there is one.
@Suite(.enabled(if: Repository.exists(operatingPage))) struct OperatingPageTests {
    @Test func `every metric is explained`() throws {
        let page = try Repository.text(operatingPage)
        let metrics = Set(
            try Repository.files(in: "Sources/ClickHouseWriter").filter { $0.hasSuffix("Metrics.swift") }
                .flatMap { try Repository.text($0).matches(of: /label: "(clickhouse_writer_\w+)"/).map(\.1) }
        )
        #expect(metrics.count >= 10)
        for metric in metrics.sorted() { #expect(page.contains("`\(metric)`"), "\(metric) is not on the page") }
    }

    @Test func `every command of spoolctl is explained`() throws {
        let page = try Repository.text(operatingPage)
        for command in Self.commands(of: SpoolControl.self, after: "") {
            #expect(page.contains(command), "\(command) is not on the page")
        }
    }

    /// `spoolctl status`, `spoolctl dead-letters list`: those that do something.
    private static func commands(of type: any ParsableCommand.Type, after prefix: String) -> [String] {
        let name = prefix + type._commandName
        let subcommands = type.configuration.subcommands
        return subcommands.isEmpty ? [name] : subcommands.flatMap { commands(of: $0, after: name + " ") }
    }
}
