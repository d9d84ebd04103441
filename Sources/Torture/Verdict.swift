internal import ArgumentParser
internal import Foundation

/// What a mode found, as its last line: one JSON object.
struct Verdict: Sendable {
    var mode: String
    var seed: UInt64
    var cycles = 0
    /// Records whose `write` returned.
    var acknowledged = 0
    /// Acknowledged records that are neither delivered, nor in the spool, nor reported as lost.
    var lost = 0
    /// Records that the destination has more than once.
    var duplicated = 0
    /// Records that were delivered altered, files that SQLite finds damaged, and whatever else may not be.
    var corrupt = 0
    /// The mode's own figures.
    var details: [String: Int] = [:]

    var isClean: Bool { lost == 0 && duplicated == 0 && corrupt == 0 }

    var json: String {
        let own = details.sorted { $0.key < $1.key }.map { ",\"\($0.key)\":\($0.value)" }.joined()
        return """
            {"mode":"\(mode)","seed":\(seed),"cycles":\(cycles),"acknowledged":\(acknowledged),"lost":\(lost),\
            "duplicated":\(duplicated),"corrupt":\(corrupt)\(own)}
            """
    }

    /// Prints the line and ends the process with 1 unless all is well.
    func finish() throws {
        print(json)
        if !isClean { throw ExitCode.failure }
    }
}

/// Says on stderr how far a mode is: redrawn in a terminal, a line every tenth elsewhere.
struct Progress {
    private let total: Int
    private let isTerminal = isatty(STDERR_FILENO) == 1

    init(of total: Int) {
        self.total = total
    }

    func report(_ done: Int, _ text: @autoclosure () -> String = "") {
        if isTerminal {
            FileHandle.standardError.write(
                Data("\r\u{1B}[K\(done)/\(total) \(text())\(done == total ? "\n" : "")".utf8)
            )
        } else if done == total || done % max(1, total / 10) == 0 {
            FileHandle.standardError.write(Data("\(done)/\(total) \(text())\n".utf8))
        }
    }
}
