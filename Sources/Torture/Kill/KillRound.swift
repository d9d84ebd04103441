internal import ClickHouseStandIn
internal import Foundation
internal import SQLiteSpool

/// Some cycles on one spool: each child goes on with what the one before it left. At the end all of it is delivered and
/// counted.
final class KillRound {
    static let numbers = NumberedWrites(shortText: 0...400, longText: 4_000...60_000)

    let spool: String
    let standIn: StandInServer
    let witness: InsertWitness
    var ledger: WriteLedger
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
        ledger = WriteLedger(Self.numbers, first: first)

        let version = Int.random(in: 0..<OldSpool.versions.upperBound, using: &generator)
        if version == 0 { return }
        let writes = (0..<Int.random(in: 10...60, using: &generator)).map { first + $0 * NumberedWrites.perWrite }
        let records = writes.flatMap(Self.numbers.records(ofWrite:))
        let batch = try OldSpool.make(
            at: spool,
            version: version,
            rows: records.map(\.row),
            frozen: .random(in: 0...records.count, using: &generator),
            keepsLog: .random(using: &generator)
        )
        if let batch { witness.expect(token: batch.token, body: batch.body) }
        ledger.add(acknowledged: writes)
    }

    /// Delivers what is left and adds what was found to the verdict.
    func end(_ verdict: inout Verdict) async throws {
        standIn.faults.clear()
        try await drain(spool: spool, url: standIn.url)
        let rows = try await standIn.store.rows(database: StandInTable.database, table: StandInTable.table)
        await standIn.stop()
        await standIn.store.close()

        ledger.check(try rows + deadLetters(), &verdict)
        verdict.corrupt += witness.altered
        verdict.details["sent_again", default: 0] += witness.repeated
        if try !isSound(spool: spool) { verdict.corrupt += 1 }
        if verdict.isClean { try FileManager.default.removeItem(atPath: directory) }
    }

    private func deadLetters() throws -> [String] {
        let letters = try Database(path: spool, access: .readOnly)
        let rows = try letters.prepare("SELECT payload FROM dead_letters")
        var payloads: [String] = []
        while try rows.step(), let payload = rows.text(0) { payloads.append(payload) }
        return payloads
    }
}
