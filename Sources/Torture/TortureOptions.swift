internal import ArgumentParser

/// What every mode takes.
struct TortureOptions: ParsableArguments {
    @Option(help: "Draws everything that is random; the same seed draws the same.")
    var seed: UInt64 = 1

    @Option(help: "How often; the default is the mode's own.")
    var cycles: Int?

    func validate() throws {
        if let cycles, cycles < 1 { throw ValidationError("--cycles is \(cycles); it must be at least 1") }
    }
}
