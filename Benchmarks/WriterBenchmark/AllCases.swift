import ArgumentParser

struct AllCases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all",
        abstract: """
            Everything: encode, write, steady, drain, backlog, the picture, and the proxy. What a case needs and is not installed is \
            named, and the case left out.
            """
    )

    @Flag(help: "One short round of each.")
    var quick = false

    @Option(help: "Where the files are made; the disk there is measured.")
    var directory = "."

    @Option(help: "Where the figures go.")
    var results = "Benchmarks/results.json"

    func run() async throws {
        let common = ["--directory", directory, "--results", results]
        let length = quick ? ["--quick"] : []
        try EncodeCases.parse(["--results", results]).run()
        try await WriteCases.parse(common + length).run()
        try await SteadyCase.parse(common + length).run()
        try await DrainCases.parse(common + length).run()
        try await BacklogCase.parse(common + ["--records", "1000000", "--record-bytes", "575"]).run()
        try PictureCase.parse(["--results", results]).run()
        do {
            try await Tools.check()
        } catch {
            return print("without the proxy: \(error)")
        }
        try await ProxyCases.parse(common + (quick ? ["--seconds", "1", "--rounds", "1"] : [])).run()
    }
}
