internal import ClickHouseWriter
internal import Foundation
internal import Logging
internal import SQLiteSpool

/// Where the torture's records go.
enum StandInTable {
    static let database = "ibex"
    static let table = "torture"

    static func configuration(spool: String, url: String) -> BatchWriterConfiguration {
        var configuration = BatchWriterConfiguration(spoolPath: spool, urls: [url], database: database, table: table)
        configuration.minRetryDelay = .milliseconds(1)
        configuration.maxRetryDelay = .milliseconds(10)
        return configuration
    }

    static var logger: Logger { Logger(label: "torture") { _ in SwiftLogNoOpLogHandler() } }
}

/// Delivers what a spool holds with a writer of its own, and says what is left.
func drain(spool: String, url: String) async throws {
    var configuration = StandInTable.configuration(spool: spool, url: url)
    configuration.shutdownTimeout = .seconds(60)
    let writer = try BatchWriter<NumberedRecord>(configuration: configuration, logger: StandInTable.logger)
    let closing = await writer.close()
    if let reason = closing.reason { report("\(closing.remaining) records are left in \(spool): \(reason)") }
}

/// Asks SQLite for damage. True also while there is no whole file to ask about.
func isSound(spool: String) throws -> Bool {
    let files = FileManager.default
    let bytes = try? files.attributesOfItem(atPath: spool)[.size] as? Int
    // Killed while it made the file: only a connection that writes can roll that back.
    if bytes ?? 0 == 0 || files.fileExists(atPath: spool + "-journal") { return true }
    let answer = try Database(path: spool, access: .readOnly).text("PRAGMA integrity_check") ?? "nothing"
    if answer != "ok" { report("\(spool): \(answer)") }
    return answer == "ok"
}
