internal import Foundation
internal import SQLiteSpool

/// Opens an existing spool as its owner, runs `body`, and lets it go.
///
/// - Throws: ``SpoolError`` with code `inUse` while another owner lives: nothing is written beside it.
func withOwnedSpool<Result>(at path: String, _ body: (Spool) async throws -> Result) async throws -> Result {
    // Opening to write would make a new one where there is none.
    let header = try SpoolHeader(readingSpoolAt: path)
    var configuration = SpoolConfiguration(path: path)
    configuration.allowsNetworkFileSystem =
        ProcessInfo.processInfo.environment["CLICKHOUSE_ALLOWS_NETWORK_FILE_SYSTEM"] == "true"
    let spool: Spool
    do throws(SpoolError) {
        spool = try Spool(configuration)
    } catch {
        guard error.code == .inUse else { throw error }
        throw SpoolError(
            .inUse,
            """
            \(error.message). spoolctl never writes to a spool whose owner lives: stop it first, or have it call \
            BatchWriter.requeueDeadLetters or discardDeadLetters
            """
        )
    }
    if let notice = MigrationNotice.text(from: header.schemaVersion) { StandardError.say(notice) }
    for notice in spool.notices { StandardError.say(Paragraph.oneLine(notice.message)) }
    if let loss = spool.loss {
        let reason = Paragraph.oneLine(loss.reason)
        StandardError.say("the spool was not as its owner left it: \(reason); \(SalvageWords.summary(of: loss))")
    }
    do {
        let result = try await body(spool)
        await spool.close()
        return result
    } catch {
        await spool.close()
        throw error
    }
}
