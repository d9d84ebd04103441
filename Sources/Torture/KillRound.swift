internal import ClickHouseStandIn
internal import ClickHouseWriter
internal import Foundation
internal import Logging
internal import SQLiteSpool

/// Some cycles on one spool: each child goes on with what the one before it left. At the end all of it is delivered and
/// counted.
final class KillRound {
    static let database = "ibex"
    static let table = "kill"

    let spool: String
    let standIn: StandInServer
    let witness: InsertWitness
    var ledger: KillLedger
    private let directory: String

    /// Starts a stand-in, and makes a spool of an older version to begin with, or leaves that to the first child.
    ///
    /// - Parameter first: no record has this number yet, nor a greater one.
    init(in parent: String, first: Int, using generator: inout SeededGenerator) async throws {
        directory = parent + "/\(first)"
        spool = directory + "/kill.spool"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let witness = InsertWitness()
        self.witness = witness
        standIn = try await StandInServer.start(
            store: StandInStore(path: directory + "/stand-in.sqlite"),
            onInsert: { witness.see($0, $1) }
        )
        ledger = KillLedger(first: first)

        let version = Int.random(in: 0...OldSpool.newestVersion, using: &generator)
        if version == 0 { return }
        let writes = (0..<Int.random(in: 10...60, using: &generator)).map { first + $0 * KillNumbers.perWrite }
        let records = writes.flatMap(KillNumbers.records(ofWrite:))
        let batch = try OldSpool.make(
            at: spool,
            version: version,
            records: records,
            frozen: .random(in: 0...records.count, using: &generator),
            keepsLog: .random(using: &generator)
        )
        if let batch { witness.expect(token: batch.token, body: batch.body) }
        ledger.add(writes)
    }

    /// Delivers what is left and adds what was found to the verdict.
    func end(_ verdict: inout Verdict) async throws {
        standIn.faults.setStanding(nil)
        try await drain()
        let rows = try await standIn.store.rows(database: Self.database, table: Self.table)
        await standIn.stop()
        await standIn.store.close()

        let findings = ledger.check(try rows + deadLetters())
        verdict.acknowledged += findings.acknowledged
        verdict.lost += findings.lost
        verdict.duplicated += findings.duplicated
        verdict.corrupt += findings.corrupt + witness.altered
        verdict.details["sent_again", default: 0] += witness.repeated
        if try !isSound() { verdict.corrupt += 1 }
        if verdict.isClean { try FileManager.default.removeItem(atPath: directory) }
    }

    /// Asks SQLite for damage. True also while there is no whole file to ask about.
    func isSound() throws -> Bool {
        let files = FileManager.default
        let bytes = try? files.attributesOfItem(atPath: spool)[.size] as? Int
        // Killed while it made the file: only a connection that writes can roll that back.
        if bytes ?? 0 == 0 || files.fileExists(atPath: spool + "-journal") { return true }
        let answer = try Database(path: spool, access: .readOnly).text("PRAGMA integrity_check") ?? "nothing"
        if answer != "ok" { complain("\(spool): \(answer)") }
        return answer == "ok"
    }

    private func drain() async throws {
        var configuration = BatchWriterConfiguration(
            spoolPath: spool,
            urls: [standIn.url],
            database: Self.database,
            table: Self.table
        )
        configuration.minRetryDelay = .milliseconds(1)
        configuration.maxRetryDelay = .milliseconds(10)
        configuration.shutdownTimeout = .seconds(60)
        let writer = try BatchWriter<NumberedRecord>(
            configuration: configuration,
            logger: Logger(label: "kill") { _ in SwiftLogNoOpLogHandler() }
        )
        let report = await writer.close()
        // What is left counts as lost.
        if let reason = report.reason { complain("\(report.remaining) records are left in \(spool): \(reason)") }
    }

    private func deadLetters() throws -> [String] {
        let letters = try Database(path: spool, access: .readOnly)
        let rows = try letters.prepare("SELECT payload FROM dead_letters")
        var payloads: [String] = []
        while try rows.step(), let payload = rows.text(0) { payloads.append(payload) }
        return payloads
    }
}
