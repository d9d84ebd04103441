import ClickHouseStandIn
import Foundation
import SQLiteSpool
import TestSupport

/// Makes a spool as a writer leaves it that was killed: nothing closed, nothing moved into the database.
func makeKilledSpool(at path: String, rows: [String], idColumn: String? = "n") async throws {
    var configuration = SpoolConfiguration(path: path + ".living", durability: .powerLoss)
    // The files must not change while they are copied.
    configuration.checkpoints.quietPeriodMilliseconds = 3_600_000
    let spool = try Spool(configuration)
    let destination = SpoolDestination(database: "d", table: "t", idColumn: idColumn)
    try await spool.report(DeliveryReport(state: .fine, destination: destination))
    try await spool.append(contentsOf: rows.map { Array($0.utf8) })
    for suffix in ["", "-wal", ".lock"] {
        try FileManager.default.copyItem(atPath: path + ".living" + suffix, toPath: path + suffix)
    }
    await spool.close()
}

/// Rows with the numbers.
func numbers(_ range: Range<Int>) -> [String] {
    range.map { "{\"n\":\($0)}" }
}

/// Drains with the real binary. It ends in any case: nothing may outlive its test.
func drain(_ path: String, _ server: StandInServer, _ options: [String] = []) async throws
    -> SpoolctlUnderTest.Outcome
{
    try await SpoolctlUnderTest.run(["drain", path, "--url", server.url, "--give-up-after", "60s"] + options)
}
