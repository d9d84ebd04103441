import Subprocess
import TestSupport

/// Runs curl.
///
/// - Returns: what it prints, standard error behind it.
func curl(_ arguments: [String]) async throws -> String {
    let result = try await run(
        .name("curl"),
        arguments: Arguments(["-s", "--max-time", "100"] + arguments),
        output: .string(limit: 1 << 20),
        error: .string(limit: 1 << 20)
    )
    return result.standardOutput + result.standardError
}

func curl(_ arguments: String...) async throws -> String { try await curl(arguments) }
