internal import Subprocess

#if canImport(System)
    internal import System
#else
    internal import SystemPackage
#endif

/// The program `CrashWriter`, a writer in a process of its own, to be killed.
package struct CrashingWriter: Sendable {
    package var spool: String
    package var url: String
    package var database: String
    package var durability: String

    package init(spool: String, url: String, database: String, durability: String = "processCrash") {
        self.spool = spool
        self.url = url
        self.database = database
        self.durability = durability
    }

    package struct Killed: Sendable {
        /// The numbers that it said were acknowledged.
        package let acknowledged: [Int]
        package let wasKilled: Bool
    }

    /// Lets it write the numbers from `first` on from many tasks, and kills it after so many acknowledgements. What it
    /// does at that moment is up to the scheduler.
    ///
    /// - Parameter body: called after the first acknowledgement with its process id.
    package func run(
        from first: Int,
        killAfter count: Int,
        _ body: @Sendable (Int32) async throws -> Void = { _ in }
    ) async throws -> Killed {
        let result = try await Subprocess.run(
            .path(FilePath(builtProduct("CrashWriter"))),
            arguments: Arguments([spool, url, database, durability, "\(first)"]),
            input: .none,
            output: .sequence,
            error: .currentStandardError
        ) { process in
            var numbers: [Int] = []
            // A line is one write(2), so the kill cuts none.
            for try await line in process.standardOutput.strings() {
                guard let number = Int(line.filter(\.isNumber)) else { continue }
                if numbers.isEmpty { try await body(process.processIdentifier.value) }
                numbers.append(number)
                if numbers.count == count { try process.send(signal: .kill) }
            }
            return numbers
        }
        return Killed(acknowledged: result.closureResult, wasKilled: result.terminationStatus == .signaled(9))
    }
}
