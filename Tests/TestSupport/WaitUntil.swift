package import Testing

/// Waits for what nothing announces: looks again and again, and leaves the thread to others between two looks. The test's
/// own limit ends it.
package func waitUntil(
    _ description: String = "the condition holds",
    isolation: isolated (any Actor)? = #isolation,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ isSo: () async throws -> Bool
) async throws {
    while try await !isSo() {
        do {
            try await Task.sleep(for: .milliseconds(2))
        } catch {
            throw NeverHappened(description: "\(description), \(sourceLocation)")
        }
    }
}

package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String
}
