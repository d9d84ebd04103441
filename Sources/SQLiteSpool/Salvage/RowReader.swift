/// Reads as many rows of a damaged table as SQLite can still find, each at least once, in no certain order.
struct RowReader: ~Copyable {
    let forwards: Statement
    let backwards: Statement
    let after: Statement
    /// Rows after which a scan must be running in circles.
    let maxSteps: Int

    /// - Parameters:
    ///   - lastKey: no row is looked for behind it.
    ///   - body: called with each row, some of them more than once.
    func read(through lastKey: Int64, _ body: (borrowing Statement) throws -> Void) throws {
        var (lowest, highest) = (Int64.max, Int64.min)
        let isWhole = try scan(forwards) { row in
            highest = max(highest, row.integer(0) ?? highest)
            try body(row)
        }
        if isWhole { return }
        let isWholeBackwards = try scan(backwards) { row in
            lowest = min(lowest, row.integer(0) ?? lowest)
            try body(row)
        }
        if isWholeBackwards { return }
        // What lies between is behind a page that cannot be read. Behind that, others may be.
        var position = max(highest, 0)
        while position < min(lowest, lastKey), let next = firstReadable(after: position, through: min(lowest, lastKey))
        {
            position = next
            try after.bind([.integer(next)])
            _ = try scan(after) { row in
                position = max(position, row.integer(0) ?? position)
                try body(row)
            }
        }
    }

    /// The lowest key behind `start` after which SQLite finds a row, as far as halving the distance tells.
    private func firstReadable(after start: Int64, through end: Int64) -> Int64? {
        var low = start
        var step: Int64 = 1
        var high: Int64
        while true {
            let (probe, isTooFar) = start.addingReportingOverflow(step)
            guard !isTooFar, probe < end, step <= .max / 2 else { return nil }
            high = probe
            if isReadable(after: high) { break }
            low = high
            step *= 2
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if isReadable(after: middle) { high = middle } else { low = middle }
        }
        return high
    }

    private func isReadable(after key: Int64) -> Bool {
        defer { after.reset() }
        do throws(SQLiteError) {
            try after.bind([.integer(key)])
            // A page in the wrong place may answer with rows from before the key, whatever the key is.
            return try after.step() && after.integer(0).map { $0 > key } ?? false
        } catch {
            return false
        }
    }

    /// - Returns: whether it came to the end.
    private func scan(_ rows: borrowing Statement, _ body: (borrowing Statement) throws -> Void) throws -> Bool {
        defer { rows.reset() }
        for _ in 0..<maxSteps {
            do throws(SQLiteError) {
                guard try rows.step() else { return true }
            } catch {
                return false
            }
            try body(rows)
        }
        return false
    }
}
