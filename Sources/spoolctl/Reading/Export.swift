internal import ArgumentParser
internal import SQLiteSpool

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints all records that are not delivered yet, in their order, as lines of JSON.",
        discussion: """
            Only reads, at any time, in pieces of a thousand records, so on a living spool it is not the picture of one \
            moment. It takes nothing out of the spool: what is exported and inserted by hand is delivered again when the \
            spool's owner starts. spoolctl drain delivers each record once.

            Records that are not what was written are left out of --rows, and named; then it exits with 2.

            Example: spoolctl export traces.spool --rows | \
            curl 'http://localhost:8123/?query=INSERT+INTO+ibex.llm_traces+FORMAT+JSONEachRow' --data-binary @-
            """
    )

    @OptionGroup var spool: SpoolArgument

    @Flag(help: "Only the rows, as ClickHouse would get them.")
    var rows = false

    func run() throws {
        let reader = try SpoolReader(path: spool.path)
        var output = LineOutput(keepsBytes: !Terminal.standardOutput.shows)
        var position: Int64? = 0
        var damaged: [Int64] = []
        while let start = position {
            let page: SpoolReader.Page
            do throws(SpoolError) {
                page = try reader.records(after: start)
            } catch {
                try output.flush()
                throw error
            }
            for record in page.records {
                if !record.isSound { damaged.append(record.id) }
                if !rows {
                    try output.write(json: JSONObject(record).line)
                } else if record.isSound {
                    try output.write(json: record.payload)
                }
            }
            position = page.end
        }
        try output.flush()
        if damaged.isEmpty { return }
        let ids = damaged.prefix(20).map(String.init).joined(separator: ", ")
        StandardError.say(
            "\(Words.count(damaged.count, "record")) not as written: \(ids)\(damaged.count > 20 ? ", …" : "")"
        )
        throw ExitCode.attention
    }
}
