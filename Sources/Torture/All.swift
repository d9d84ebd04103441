internal import ArgumentParser

/// A part of every mode, one after the other.
struct All: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A part of every mode, in a few minutes. This is what `torture` alone does."
    )

    @OptionGroup var options: TortureOptions

    private static let modes = [
        ("kill", 50), ("power-cut", 150), ("faults", 300), ("disk-full", 10), ("corrupt", 500),
        ("copies", 100),
    ]

    func run() async throws {
        var isClean = true
        for (mode, cycles) in Self.modes {
            report("\(mode):")
            let arguments = [mode, "--seed", "\(options.seed)", "--cycles", "\(options.cycles ?? cycles)"]
            do {
                var command = try Torture.parseAsRoot(arguments)
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
            } catch let code as ExitCode where code == .failure {
                isClean = false
            }
        }
        if !isClean { throw ExitCode.failure }
    }
}
