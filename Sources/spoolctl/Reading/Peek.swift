internal import ArgumentParser
internal import SQLiteSpool

struct Peek: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the oldest records that are not delivered yet, as lines of JSON.",
        discussion: """
            Only reads, at any time, in pieces of a thousand records, so it is not the picture of one moment. A record in a \
            batch is in flight, and has its token.

            --where is an SQL condition over id, enqueued_at (milliseconds since 1970 UTC) and payload (the row, JSON). \
            It may take the row apart with json_each and json_tree, reads nothing but the records, and is ended after 60 s.

            Example: spoolctl peek traces.spool -n 3 --where "payload ->> 'model' = 'gpt-5'"
            """
    )

    @OptionGroup var spool: SpoolArgument

    @Option(name: .customShort("n"), help: "At most so many.")
    var limit = 10

    @Option(name: .customLong("where"), help: ArgumentHelp("Only those for which this holds.", valueName: "sql"))
    var condition: String?

    func validate() throws {
        if limit < 1 { throw ValidationError("-n must be at least 1.") }
    }

    func run() throws {
        let reader = try SpoolReader(path: spool.path)
        var output = LineOutput()
        var position: Int64 = 0
        var left = limit
        while left > 0 {
            let page = try reader.records(after: position, where: condition, limit: left)
            for record in page.records { try output.write(json: JSONObject(record).line) }
            left -= page.records.count
            guard let end = page.end else { break }
            position = end
        }
        try output.flush()
    }
}
