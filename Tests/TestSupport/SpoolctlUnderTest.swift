package import Subprocess

#if canImport(System)
    internal import System
#else
    internal import SystemPackage
#endif

/// The real binary `spoolctl`.
package enum SpoolctlUnderTest {
    package struct Outcome: Sendable {
        package let status: TerminationStatus
        package let output: String
        /// Standard error.
        package let messages: String
    }

    /// Runs it to its end.
    ///
    /// - Parameter onMessage: called with each line of standard error as it comes, and says which signal to send.
    package static func run(
        _ arguments: [String],
        environment: [Environment.Key: String?] = [:],
        onMessage: @escaping @Sendable (String) -> Signal? = { _ in nil }
    ) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(builtProduct("spoolctl"))),
            arguments: Arguments(arguments),
            // The tests' own CLICKHOUSE_URL is not spoolctl's.
            environment: .inherit.updating(["CLICKHOUSE_URL": nil]).updating(environment),
            input: .none,
            output: .string(limit: 1 << 20),
            error: .sequence
        ) { process in
            var messages = ""
            for try await line in process.standardError.strings() {
                messages += line + "\n"
                if let signal = onMessage(line) { try process.send(signal: signal) }
            }
            return messages
        }
        return Outcome(
            status: result.terminationStatus,
            output: result.standardOutput,
            messages: result.closureResult
        )
    }
}
