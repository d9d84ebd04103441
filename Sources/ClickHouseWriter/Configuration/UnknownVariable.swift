/// A variable of the environment that looks like a setting of the writer's and is none.
public struct UnknownVariable: Sendable, Equatable, CustomStringConvertible {
    /// `CLICKHOUSE_MAX_BATCHSIZE`
    public let name: String

    /// The setting that it is probably meant to be, `CLICKHOUSE_MAX_BATCH_SIZE`; nil when it is like none.
    public let likely: String?

    /// What is wrong, and what to write instead.
    public var description: String {
        likely.map { "\(name) is no setting; did you mean \($0)?" }
            ?? "\(name) is no setting of the writer's and is ignored"
    }
}

extension BatchWriterConfiguration {
    /// Which of the names start with `CLICKHOUSE_` and are no settings, in alphabetical order.
    ///
    /// A misspelt setting is one that is not there, so ask at start: refuse those with a likely meaning, and say the
    /// others, which another program may have put there.
    ///
    /// ```swift
    /// let unknown = BatchWriterConfiguration.unknownVariables(in: ProcessInfo.processInfo.environment.keys)
    /// ```
    public static func unknownVariables(in names: some Sequence<String>) -> [UnknownVariable] {
        let known = Setting.all.map(\.variable)
        return names.filter { $0.hasPrefix(Setting.prefix) && !known.contains($0) }.sorted().map { name in
            let nearest = known.min { distance($0, name) < distance($1, name) }
            return UnknownVariable(name: name, likely: nearest.flatMap { isMisspelt(name, for: $0) ? $0 : nil })
        }
    }

    /// A third of the letters may be wrong, three at most: `CLICKHOUSE_DB` is not meant to be a URL.
    private static func isMisspelt(_ name: String, for known: String) -> Bool {
        distance(name, known) <= min(3, (known.count - Setting.prefix.count) / 3)
    }

    /// Letters to add, leave out, exchange or swap with the next; underscores cost nothing.
    private static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.filter { $0 != "_" })
        let b = Array(b.filter { $0 != "_" })
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
